//! Showing the auction: one block that refreshes in place on a terminal, plain lines elsewhere.

use std::fmt::Write as _;
use std::io::{IsTerminal as _, Write as _};
use std::time::{Duration, Instant};

use super::figures::{grouped, minutes, sparkline};
use super::view::{TREND_POINTS, View};

/// How often the block is drawn again.
const REFRESH_INTERVAL: Duration = Duration::from_millis(150);

/// Where things are shown.
pub struct Screen {
    is_terminal: bool,
    has_colors: bool,
    /// Lines of the block as it stands there now.
    drawn_lines: usize,
    shown_at: Option<Instant>,
}

/// How a piece of text stands out.
#[derive(Debug, Clone, Copy)]
enum Style {
    Bold,
    Dim,
    Price,
}

impl Screen {
    /// Standard output.
    pub fn new() -> Self {
        let is_terminal = std::io::stdout().is_terminal();
        let has_colors = is_terminal && std::env::var_os("NO_COLOR").is_none();
        Self { is_terminal, has_colors, drawn_lines: 0, shown_at: None }
    }

    /// Shows the auction as it is now, not more often than is good to look at.
    pub fn show(&mut self, view: &View) {
        let now = Instant::now();
        let interval = if self.is_terminal { REFRESH_INTERVAL } else { plain_interval(view.duration_ms) };
        if view.status.is_empty() || self.shown_at.is_some_and(|shown_at| now < shown_at + interval) {
            return;
        }
        self.shown_at = Some(now);
        if self.is_terminal {
            let block = self.block(view);
            self.draw(&block);
        } else {
            self.write(&format!("{}\n", plain_line(view)));
        }
    }

    /// Prints lines that stay; the block above them stays as it is.
    pub fn print(&mut self, lines: &str) {
        self.drawn_lines = 0;
        self.shown_at = None;
        self.write(&format!("{lines}\n"));
    }

    /// Shows the auction's last state, whenever the one before was shown.
    pub fn finish(&mut self, view: &View) {
        self.shown_at = None;
        self.show(view);
        self.drawn_lines = 0;
    }

    fn draw(&mut self, block: &str) {
        let mut out = String::new();
        if self.drawn_lines > 0 {
            // Up to where the block began.
            let _ = write!(out, "\x1b[{}A", self.drawn_lines);
        }
        let width = width();
        for line in block.lines() {
            let _ = writeln!(out, "\r{}\x1b[K", cut(line, width));
        }
        out.push_str("\x1b[J");
        self.drawn_lines = block.lines().count();
        self.write(&out);
    }

    fn block(&self, view: &View) -> String {
        let passed = view.duration_ms.saturating_sub(view.left_ms);
        let filled = (TREND_POINTS as u64 * passed / view.duration_ms.max(1)) as usize;
        let bar = format!(
            "{}{}",
            "━".repeat(filled.min(TREND_POINTS)),
            "─".repeat(TREND_POINTS.saturating_sub(filled))
        );
        let title = format!("Auction {}", view.number);
        let left = if view.ended.is_some() {
            view.status.clone()
        } else {
            format!("{} left", minutes(view.left_ms))
        };
        let mut out = String::new();
        let _ =
            writeln!(out, " {}  {}  {left}", self.styled(Style::Bold, &title), self.styled(Style::Dim, &bar));
        let _ = writeln!(out);
        let price = self.styled(Style::Price, &format!("{:>10.2}", view.price));
        let which = if view.status == "completed" { "clearing" } else { "indicative" };
        let _ = writeln!(out, " {:<17} {price}   {}", format!("{which} price"), sparkline(&view.trend));
        let cover = if view.supply > 0.0 {
            format!("   cover {:.2}", view.demand / view.supply)
        } else {
            String::new()
        };
        let _ = writeln!(out, " demand            {:>10}   at or above the reserve", quantity(view.demand));
        let _ = writeln!(
            out,
            " supply            {:>10}   at the indicative price{cover}",
            quantity(view.supply)
        );
        let _ = writeln!(
            out,
            " bids              {:>10}   live; {} placed, {} improved, {} cancelled",
            view.live_count, view.placed_count, view.raised_count, view.cancelled_count
        );
        let _ = writeln!(out);
        for line in &view.latest {
            let _ = writeln!(out, "   {}", self.styled(Style::Dim, line));
        }
        out
    }

    fn styled(&self, style: Style, text: &str) -> String {
        if !self.has_colors {
            return text.to_owned();
        }
        let code = match style {
            Style::Bold => "1",
            Style::Dim => "2",
            Style::Price => "1;32",
        };
        format!("\x1b[{code}m{text}\x1b[0m")
    }

    fn write(&self, text: &str) {
        // A reader that has gone away is no reason to stop the server.
        let mut out = std::io::stdout().lock();
        let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    }
}

/// About a dozen lines for an auction, at least a second apart.
fn plain_interval(duration_ms: u64) -> Duration {
    Duration::from_millis((duration_ms / 12).clamp(1_000, 10_000))
}

fn plain_line(view: &View) -> String {
    let time =
        if view.ended.is_some() { view.status.clone() } else { format!("{} left", minutes(view.left_ms)) };
    format!(
        "auction {}  {time:<10}  price {:>6.2}  demand {:>7}  supply {:>7}  bids {} live, {} placed, {} improved, {} cancelled",
        view.number,
        view.price,
        quantity(view.demand),
        quantity(view.supply),
        view.live_count,
        view.placed_count,
        view.raised_count,
        view.cancelled_count
    )
}

fn quantity(value: f64) -> String {
    grouped(&format!("{value:.0}"))
}

/// The terminal's columns.
fn width() -> usize {
    rustix::termios::tcgetwinsize(std::io::stdout()).map_or(80, |size| usize::from(size.ws_col).max(20))
}

/// A line that fits: one that wrapped would break the block. Escape sequences take no room.
fn cut(line: &str, width: usize) -> String {
    let mut out = String::new();
    let mut room = width;
    let mut in_escape = false;
    for character in line.chars() {
        if character == '\x1b' {
            in_escape = true;
        } else if !in_escape {
            if room == 0 {
                continue;
            }
            room -= 1;
        } else if character.is_ascii_alphabetic() {
            in_escape = false;
        }
        out.push(character);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_cut_to_the_terminal_but_styles_still_end() {
        assert_eq!(cut("abcdef", 4), "abcd");
        assert_eq!(cut("\x1b[1mabcdef\x1b[0m", 4), "\x1b[1mabcd\x1b[0m");
        assert_eq!(cut("▁▂▃▄", 2), "▁▂");
    }

    #[test]
    fn a_plain_line_says_it_all() {
        let mut view = View::new(3, 30_000);
        view.hear(&serde_json::json!({"type": "auction_update", "payload": {"status": "active", "current_price": 47.25,
            "total_quantity": 6340.0, "supply_available": 5120.0, "total_bids": 12, "time_remaining_ms": 26_000}}));
        assert_eq!(
            plain_line(&view),
            "auction 3  0:26 left   price  47.25  demand   6,340  supply   5,120  bids 12 live, 0 placed, 0 improved, 0 cancelled"
        );
    }
}
