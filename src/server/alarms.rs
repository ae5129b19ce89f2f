//! Waiting for the host's clock in asynchronous code, so that tests can move it.
//!
//! Whoever looks at the time sets these alarms off; they ring within one thread.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use slab::Slab;
use tokio::sync::Notify;

use super::timers::Timers;
use crate::host::Clock;
use crate::units::TimeUs;

/// The alarms of one thread.
pub struct Alarms {
    clock: Arc<dyn Clock>,
    timers: RefCell<Timers<Key>>,
    waiting: RefCell<Slab<(u64, Waker)>>,
    set_count: Cell<u64>,
    /// When the time is looked at next; who sets an alarm that is due before must say so.
    next_look: Cell<Option<TimeUs>>,
    sooner: Arc<Notify>,
}

/// A place among the waiting, and which of its users.
type Key = (usize, u64);

/// Completes when its time has come.
pub struct Alarm {
    alarms: Rc<Alarms>,
    due: TimeUs,
    key: Option<Key>,
}

impl Alarms {
    /// No alarms. `sooner` is told when one is set that is due before the next look at the time.
    pub fn new(clock: Arc<dyn Clock>, sooner: Arc<Notify>) -> Rc<Self> {
        let timers = RefCell::new(Timers::new(clock.now()));
        let (waiting, set_count) = (RefCell::default(), Cell::default());
        Rc::new(Self { clock, timers, waiting, set_count, next_look: Cell::default(), sooner })
    }

    /// The time now.
    pub fn now(&self) -> TimeUs {
        self.clock.now()
    }

    /// Waits until `due`.
    pub fn sleep_until(self: &Rc<Self>, due: TimeUs) -> Alarm {
        Alarm { alarms: Rc::clone(self), due, key: None }
    }

    /// Wakes those whose time has come.
    pub fn expire(&self, now: TimeUs) {
        let mut waiting = self.waiting.borrow_mut();
        self.timers.borrow_mut().expire(now, |(place, number)| {
            if waiting.get(place).is_some_and(|(user, _)| *user == number) {
                waiting.remove(place).1.wake();
            }
        });
    }

    /// When the next one is due.
    pub fn next_due(&self) -> Option<TimeUs> {
        self.timers.borrow().next_due()
    }

    /// Notes when the time is looked at next.
    pub fn note_next_look(&self, next_look: Option<TimeUs>) {
        self.next_look.set(next_look);
    }
}

impl Future for Alarm {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let this = &mut *self;
        this.forget();
        if this.due <= this.alarms.clock.now() {
            return Poll::Ready(());
        }
        let number = this.alarms.set_count.get();
        this.alarms.set_count.set(number + 1);
        let place = this.alarms.waiting.borrow_mut().insert((number, context.waker().clone()));
        this.key = Some((place, number));
        this.alarms.timers.borrow_mut().set(this.due, (place, number));
        if this.alarms.next_look.get().is_none_or(|look| this.due < look) {
            this.alarms.sooner.notify_one();
        }
        Poll::Pending
    }
}

impl Alarm {
    fn forget(&mut self) {
        let Some((place, number)) = self.key.take() else { return };
        let mut waiting = self.alarms.waiting.borrow_mut();
        if waiting.get(place).is_some_and(|(user, _)| *user == number) {
            waiting.remove(place);
        }
    }
}

impl Drop for Alarm {
    fn drop(&mut self) {
        self.forget();
    }
}
