//! The browser's half of `live_query`.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::time::Duration;

use leptos::prelude::*;
use leptos::task::spawn_local;

use super::{Subject, listen_while_mounted, page_position};
use crate::client::connection::{Delivery, now, random_number};
use crate::client::refetch::{Reason, Refetch};
use crate::client::store::Interest;
use crate::room::Room;

/// A value's loads. Nothing in it knows the value's type: what does weighs on the wasm for each.
struct Query {
    refetch: RefCell<Refetch>,
    /// Begins the load of this number.
    load: Box<dyn Fn(Rc<Query>, u32)>,
    /// When the earliest timer comes.
    timer_at: Cell<Option<u64>>,
}

pub(crate) fn live_query<T, E, Loading>(
    room: Room,
    events: &[&str],
    load: impl Fn() -> Loading + 'static,
    value: RwSignal<Option<T>>,
) where
    T: Send + Sync + 'static,
    E: 'static,
    Loading: Future<Output = Result<T, E>> + 'static,
{
    let load = move |query: Rc<Query>, number| {
        if value.is_disposed() {
            return;
        }
        let loading = load();
        spawn_local(async move {
            match loading.await {
                Ok(loaded) if query.refetch.borrow_mut().loaded(number) => {
                    value.try_set(Some(loaded));
                }
                Ok(_) => {}
                Err(_) => query.refetch.borrow_mut().failed(now(), number),
            }
            query.go_on();
        });
    };
    let is_unknown = value.with_untracked(Option::is_none);
    Query::begin(room, events, is_unknown, Box::new(load));
}

impl Query {
    fn begin(room: Room, events: &[&str], is_unknown: bool, load: Box<dyn Fn(Rc<Self>, u32)>) {
        let refetch = RefCell::new(Refetch::new(random_number()));
        let query = Rc::new(Self { refetch, load, timer_at: Cell::new(None) });
        // No event has an empty name: who follows none is still told of gaps.
        for event in if events.is_empty() { &[""] } else { events } {
            let subject = Subject { room: room.clone(), event: (*event).to_owned() };
            let query = Rc::clone(&query);
            let callback = move |delivery: Delivery<'_>| {
                let reason = if matches!(delivery, Delivery::Gap) { Reason::Gap } else { Reason::Changed };
                query.refetch.borrow_mut().want(now(), reason);
                query.go_on();
            };
            listen_while_mounted(&subject, Interest::Event, page_position(), Rc::new(callback));
        }
        if is_unknown {
            query.refetch.borrow_mut().begin(now());
            query.go_on();
        }
    }

    /// Loads what is to be loaded now, and sees to it that it goes on in time.
    fn go_on(self: &Rc<Self>) {
        let next = self.refetch.borrow_mut().next(now());
        if let Some(number) = next {
            (self.load)(Rc::clone(self), number);
        }
        let Some(at) = self.refetch.borrow().wake_at() else { return };
        if self.timer_at.get().is_some_and(|timer_at| timer_at <= at) {
            return;
        }
        self.timer_at.set(Some(at));
        let query = Rc::clone(self);
        let on_time = move || {
            query.timer_at.set(None);
            query.go_on();
        };
        set_timeout(on_time, Duration::from_millis(at.saturating_sub(now())));
    }
}
