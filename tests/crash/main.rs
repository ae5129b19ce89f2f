//! Nothing acknowledged is ever lost: a real server killed again and again under real clients.
//!
//! In each round twenty clients bid, cancel and repeat themselves over WebSockets, an
//! operator makes and closes auctions over REST, and the server dies by SIGKILL at a
//! random moment, sometimes before it has even come up again. Everybody reconnects and
//! resumes. In the end what the server says, what its log says and what the clients
//! remember must be one story (`check.rs`).
//!
//! `cargo test --test crash -- --rounds 200 --seed 7`. A failure names the seed and keeps the folder. The seed
//! fixes what is done, not the timing, so a failure may take several runs to come back.

mod book;
mod check;
mod operator;
#[path = "../server/mod.rs"]
mod server;
mod trader;

use std::process::ExitCode;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

use book::{Figures, Market};
use operator::Operator;
use server::{Kill, Place, Server};
use trader::Trader;

const NAME: &str = "nothing_acknowledged_is_ever_lost";
const CLIENTS: usize = 20;
const ROUNDS: u32 = 30;

struct Plan {
    rounds: u32,
    seed: u64,
}

fn main() -> ExitCode {
    let Some(plan) = plan(std::env::args().skip(1)) else { return ExitCode::SUCCESS };
    say(&format!("{NAME}: {} rounds, seed {}", plan.rounds, plan.seed));
    run(&plan);
    ExitCode::SUCCESS
}

/// What the command line asks for, in the words of other test binaries where they have them; `None` if it is not this.
fn plan(mut arguments: impl Iterator<Item = String>) -> Option<Plan> {
    let mut plan = Plan { rounds: ROUNDS, seed: rand::random::<u32>().into() };
    while let Some(argument) = arguments.next() {
        let mut number = || arguments.next().and_then(|text| text.parse::<u64>().ok());
        match argument.as_str() {
            "--rounds" => plan.rounds = number().expect("--rounds takes a number") as u32,
            "--seed" => plan.seed = number().expect("--seed takes a number"),
            "--list" => {
                say(&format!("{NAME}: test"));
                return None;
            }
            "--skip" | "--test-threads" | "--format" | "--color" => drop(arguments.next()),
            option if option.starts_with('-') => {}
            filter if NAME.contains(filter) => {}
            _ => return None,
        }
    }
    Some(plan)
}

fn run(plan: &Plan) {
    let begun = Instant::now();
    let place = Place::new();
    let mut random = StdRng::seed_from_u64(plan.seed);
    let figures = Figures::default();
    let market = Market::default();
    let mut traders: Vec<Trader> =
        (0..CLIENTS).map(|index| Trader::new(index, random.random(), &place)).collect();
    let mut operator = Operator::new(random.random(), &place);
    for round in 1..=plan.rounds {
        if round > 1 && random.random_bool(0.3) {
            kill_while_starting(&place, Duration::from_millis(random.random_range(0..400)));
            figures.kills_at_start.fetch_add(1, Ordering::Relaxed);
        }
        let server = Server::start(&place);
        let life = Duration::from_millis(random.random_range(150..1_500));
        let (address, market, figures, operator) = (server.address(), &market, &figures, &mut operator);
        std::thread::scope(|scope| {
            for trader in &mut traders {
                scope.spawn(move || trader.live(address, market, figures));
            }
            scope.spawn(move || operator.live(address, market));
            pause(life);
            server.end(Kill::Now);
        });
        figures.kills.fetch_add(1, Ordering::Relaxed);
        check::is_sound(&place);
    }
    check::all(&place, &market, &mut operator, &mut traders, &figures);
    say(&format!(
        "{NAME}: ok, seed {}, {} in {:.1} s",
        plan.seed,
        figures.sentence(),
        begun.elapsed().as_secs_f64()
    ));
}

/// Starts a server and kills it after `life`, whether it serves by then or not.
fn kill_while_starting(place: &Place, life: Duration) {
    let mut process = place.serve(&place.data()).spawn().expect("the server starts");
    pause(life);
    process.kill().expect("it was not waited for");
    process.wait().expect("it ends");
}

/// Lets time pass: when something is killed or made is this test's input, and nothing is waited for by it.
fn pause(time: Duration) {
    let _ = crossbeam_channel::after(time).recv();
}

fn say(line: &str) {
    use std::io::Write as _;
    writeln!(std::io::stdout(), "{line}").expect("somebody listens");
}
