//! A page and a server that both do as they please, thousands of times: nothing is lost, told twice, or told
//! after it was taken away.

use std::collections::{BTreeMap, VecDeque};

use proptest::prelude::*;

use super::super::{Interest, ListenerId, Outcome, Store};
use crate::frame::{ClientFrame, Denial, Ref};
use crate::position::Position;
use crate::room::Room;

/// What the server says, in the order in which it says it.
#[derive(Debug)]
enum Answer {
    Joined { reference: Ref, room: Room, offset: u64, replay: Vec<u64> },
    Failed { reference: Ref },
    TooFast { reference: Ref, room: Room },
    TakenAway { room: Room },
    Event { room: Room, offset: u64 },
}

#[derive(Debug, Clone, Copy)]
enum Step {
    /// Something is published in one of the rooms.
    Publish(usize),
    /// The page reads the server's next frames.
    Read(usize),
    /// The server answers the page's next joins: yes, or with one of two failures.
    Serve(usize, u8),
    /// The server takes a room away.
    TakeAway(usize),
    /// The page asks again for what failed.
    AskAgain,
    /// The line breaks and is made again, as a socket or by polls.
    Reconnect { polls: bool },
    /// Where the page polls: once. The answer may never arrive, because the page asks something else first, or
    /// because the line broke.
    Poll { is_answered: bool, joins: u8 },
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0_usize..2).prop_map(Step::Publish),
        3 => (1_usize..5).prop_map(Step::Read),
        3 => (1_usize..3, 0_u8..3).prop_map(|(joins, answer)| Step::Serve(joins, answer)),
        1 => (0_usize..2).prop_map(Step::TakeAway),
        2 => Just(Step::AskAgain),
        1 => any::<bool>().prop_map(|polls| Step::Reconnect { polls }),
        4 => (any::<bool>(), 0_u8..3).prop_map(|(is_answered, joins)| Step::Poll { is_answered, joins }),
    ]
}

/// Both ends and the line between them.
struct World {
    store: Store,
    rooms: [Room; 2],
    listeners: BTreeMap<ListenerId, usize>,
    to_server: VecDeque<ClientFrame>,
    to_page: VecDeque<Answer>,
    /// The offset of each event, by room; one count for the site.
    published: [Vec<u64>; 2],
    offset: u64,
    /// Whether the server has the page in a room.
    is_member: [bool; 2],
    given: BTreeMap<ListenerId, Vec<u64>>,
    must_ask: bool,
    polls: bool,
}

impl World {
    fn new() -> Self {
        let rooms = [Room::Website, Room::doc("ToDo", "a1")];
        let mut store = Store::default();
        let mut listeners = BTreeMap::new();
        for (index, room) in rooms.iter().enumerate() {
            for interest in [Interest::Event, Interest::Value] {
                listeners.insert(store.listen(room, "e", interest, Some(at(0)), false).0, index);
            }
        }
        let given = listeners.keys().map(|id| (*id, Vec::new())).collect();
        let mut world = Self {
            store,
            rooms,
            listeners,
            to_server: VecDeque::new(),
            to_page: VecDeque::new(),
            published: [Vec::new(), Vec::new()],
            offset: 0,
            is_member: [false; 2],
            given,
            must_ask: false,
            polls: false,
        };
        world.reconnect(false);
        world
    }

    fn reconnect(&mut self, polls: bool) {
        self.polls = polls;
        self.to_page.clear();
        self.is_member = [false; 2];
        self.must_ask = false;
        self.to_server = self.store.connected().into();
    }

    fn step(&mut self, step: Step) {
        match step {
            Step::Publish(index) => {
                self.offset += 1;
                self.published[index].push(self.offset);
                // Nobody waits for a page that polls.
                if self.is_member[index] && !self.polls {
                    self.to_page.push_back(Answer::Event { room: self.rooms[index].clone(), offset: self.offset });
                }
            }
            Step::Read(_) | Step::Serve(..) if self.polls => {}
            Step::Read(frames) => (0..frames).for_each(|_| self.read()),
            Step::Serve(joins, answer) => (0..joins).for_each(|_| self.serve(answer)),
            Step::Poll { is_answered, joins } => {
                if self.polls {
                    self.poll(is_answered, joins);
                }
            }
            Step::TakeAway(index) => {
                if std::mem::take(&mut self.is_member[index]) && !self.polls {
                    self.to_page.push_back(Answer::TakenAway { room: self.rooms[index].clone() });
                }
            }
            Step::AskAgain => {
                let joins = self.store.ask_again();
                assert_eq!(!joins.is_empty(), std::mem::take(&mut self.must_ask), "asks when something failed");
                self.to_server.extend(joins);
            }
            Step::Reconnect { polls } => self.reconnect(polls),
        }
    }

    /// The server knows of the page only what the poll says.
    fn poll(&mut self, is_answered: bool, answer: u8) {
        let has_questions = !self.to_server.is_empty();
        for frame in self.store.standing() {
            let ClientFrame::Join { room, since, .. } = frame else { panic!("not a join: {frame:?}") };
            let index = self.index_of(&room);
            if self.is_member[index] {
                let since = since.expect("a position").offset;
                let missed = self.published[index].iter().copied().filter(|offset| *offset > since);
                self.to_page.extend(missed.map(|offset| Answer::Event { room: room.clone(), offset }));
            } else {
                self.to_page.push_back(Answer::TakenAway { room });
            }
        }
        while !self.to_server.is_empty() {
            self.serve(answer);
        }
        if is_answered {
            while !self.to_page.is_empty() {
                self.read();
            }
            self.store.caught_up(&at(self.offset));
        } else if has_questions {
            self.reconnect(true);
        } else {
            self.to_page.clear();
        }
    }

    fn index_of(&self, room: &Room) -> usize {
        self.rooms.iter().position(|known| known == room).expect("one of the two")
    }

    fn serve(&mut self, answer: u8) {
        let Some(frame) = self.to_server.pop_front() else { return };
        let ClientFrame::Join { reference, room, since, .. } = frame else { panic!("not a join: {frame:?}") };
        let index = self.index_of(&room);
        self.to_page.push_back(match answer {
            0 => {
                self.is_member[index] = true;
                let since = since.expect("every listener has a start").offset;
                let replay = self.published[index].iter().copied().filter(|offset| *offset > since).collect();
                Answer::Joined { reference, room, offset: self.offset, replay }
            }
            1 => Answer::Failed { reference },
            _ => Answer::TooFast { reference, room },
        });
    }

    fn read(&mut self) {
        match self.to_page.pop_front() {
            None => {}
            Some(Answer::Joined { reference, room, offset, replay }) => {
                assert_eq!(self.store.joined(reference, &room, at(offset), true), None);
                for offset in replay {
                    self.hear(&room, offset);
                }
            }
            Some(Answer::Failed { reference }) => {
                let outcome = self.store.failed(reference);
                self.is_to_ask(outcome.as_ref());
            }
            Some(Answer::TooFast { reference, room }) => {
                let outcome = self.store.denied(reference, &room, Denial::TooFast);
                self.is_to_ask(outcome.as_ref());
            }
            Some(Answer::TakenAway { room }) => {
                self.store.taken_away(&room);
                assert!(!self.store.is_inside(&room));
                assert_eq!(self.store.event(&room, "e", Some(&at(u64::MAX))), None, "told after it was taken away");
            }
            Some(Answer::Event { room, offset }) => self.hear(&room, offset),
        }
    }

    fn is_to_ask(&mut self, outcome: Option<&Outcome>) {
        assert_eq!(outcome, Some(&Outcome::AskLater));
        assert!(!self.store.is_settled(), "a room that failed is still wanted");
        self.must_ask = true;
    }

    fn hear(&mut self, room: &Room, offset: u64) {
        let Some(outcome) = self.store.event(room, "e", Some(&at(offset))) else { return };
        let Outcome::Deliver(ids) = outcome else { panic!("{outcome:?}") };
        for id in ids {
            assert_eq!(self.rooms[self.listeners[&id]], *room, "another room's event");
            self.given.get_mut(&id).expect("a listener").push(offset);
        }
    }

    /// A connection on which all goes well.
    fn settle(&mut self, polls: bool) {
        self.reconnect(polls);
        while !self.to_server.is_empty() {
            self.serve(0);
        }
        while !self.to_page.is_empty() {
            self.read();
        }
        assert!(self.store.is_settled());
    }
}

fn at(offset: u64) -> Position {
    Position::new("e", offset)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_event_is_told_once_and_in_order(steps in prop::collection::vec(any_step(), 0..80), polls: bool) {
        let mut world = World::new();
        for step in steps {
            world.step(step);
        }
        world.settle(polls);
        world.step(Step::Publish(0));
        world.step(Step::Read(1));
        world.step(Step::Poll { is_answered: true, joins: 0 });
        for (id, index) in &world.listeners {
            prop_assert_eq!(&world.given[id], &world.published[*index]);
        }
    }
}
