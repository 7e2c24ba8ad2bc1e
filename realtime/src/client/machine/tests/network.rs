//! Pages, a network and a server that all do as they please, thousands of times: whatever happened, a page that is
//! seen and has a network is live again within a bound. A failure prints its seed and its schedule.

use proptest::prelude::*;

use super::BEAT;
use crate::client::machine::{Effect, Input, LinkState, Machine, Transport};
use crate::close::CloseCode;

/// What the network does with sockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sockets {
    Work,
    /// Refused at once, as by a proxy that knows none.
    Refused,
    /// The handshake is never answered.
    Hang,
    /// Cut so many milliseconds after they opened.
    DieYoung(u64),
}

#[derive(Debug, Clone, Copy)]
enum Change {
    Wait(u64),
    ServerUp(bool),
    Sockets(Sockets),
    /// The link looks open and carries nothing any more.
    Silence,
    Cut,
    /// The server restarts, and says when to come back.
    Restart(u64),
    Source(bool),
    Seen(bool),
    Network(bool),
    PageHide,
    TryNow,
}

fn any_sockets() -> impl Strategy<Value = Sockets> {
    prop_oneof![
        2 => Just(Sockets::Work),
        1 => Just(Sockets::Refused),
        1 => Just(Sockets::Hang),
        1 => (0_u64..9_000).prop_map(Sockets::DieYoung),
    ]
}

fn any_change() -> impl Strategy<Value = Change> {
    prop_oneof![
        6 => (0_u64..40_000).prop_map(Change::Wait),
        1 => (0_u64..900_000).prop_map(Change::Wait),
        2 => any::<bool>().prop_map(Change::ServerUp),
        2 => any_sockets().prop_map(Change::Sockets),
        1 => Just(Change::Silence),
        1 => Just(Change::Cut),
        1 => (0_u64..20_000).prop_map(Change::Restart),
        1 => any::<bool>().prop_map(Change::Source),
        2 => any::<bool>().prop_map(Change::Seen),
        2 => any::<bool>().prop_map(Change::Network),
        1 => Just(Change::PageHide),
        1 => Just(Change::TryNow),
    ]
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Happens {
    Hello,
    Settled,
    /// The answer to a ping, or the end of a poll.
    Heard,
    Closed(u16),
}

/// The one link that a page may have.
#[derive(Debug)]
struct Link {
    transport: Transport,
    is_silent: bool,
    has_hello: bool,
    coming: Vec<(u64, Happens)>,
}

struct World {
    machine: Machine,
    now: u64,
    link: Option<Link>,
    is_up: bool,
    sockets: Sockets,
    source: bool,
    network: bool,
    shown: LinkState,
    /// When links were opened.
    opened: Vec<u64>,
}

/// A round trip, in milliseconds.
const TRIP: u64 = 50;
/// Milliseconds that a poll waits.
const POLL: u64 = 20_000;

impl World {
    fn new(seed: u64, sockets: Sockets, is_up: bool) -> Self {
        let mut world = Self {
            machine: Machine::new(seed, None),
            now: 0,
            link: None,
            is_up,
            sockets,
            source: true,
            network: true,
            shown: LinkState::Connecting,
            opened: Vec::new(),
        };
        world.tell(Input::Start);
        world
    }

    fn tell(&mut self, input: Input) {
        for effect in self.machine.step(self.now, input) {
            match effect {
                Effect::Open(transport) => {
                    assert!(self.link.is_none(), "a second link");
                    self.opened.push(self.now);
                    self.link = Some(self.begin(transport));
                }
                Effect::Close => self.link = None,
                Effect::Ping => {
                    let link = self.link.as_mut().expect("a ping into nothing");
                    if !link.is_silent {
                        link.coming.push((self.now + TRIP, Happens::Heard));
                    }
                }
                Effect::AskAgain => panic!("no join failed"),
                Effect::Show(state) => {
                    assert_ne!(state, self.shown, "shown twice");
                    self.shown = state;
                }
            }
        }
    }

    fn begin(&self, transport: Transport) -> Link {
        let soon = self.now + TRIP;
        let mut coming = vec![(soon, Happens::Hello), (soon + TRIP, Happens::Settled)];
        match (transport, self.sockets) {
            _ if !self.network || !self.is_up => coming = vec![(soon, Happens::Closed(1006))],
            (Transport::WebSocket, Sockets::Refused) => coming = vec![(soon, Happens::Closed(1006))],
            (Transport::WebSocket, Sockets::Hang) => coming.clear(),
            (Transport::WebSocket, Sockets::DieYoung(after)) => {
                coming.push((soon + 2 * TRIP + after, Happens::Closed(1006)));
            }
            (Transport::WebSocket, Sockets::Work) => {}
            (Transport::Poll, _) => coming.push((soon + 2 * TRIP, Happens::Heard)),
        }
        Link { transport, is_silent: false, has_hello: false, coming }
    }

    fn cut(&mut self, code: u16) {
        let at = self.now + TRIP;
        if let Some(link) = self.link.as_mut().filter(|link| !link.is_silent) {
            link.coming = vec![(at, Happens::Closed(code))];
        }
    }

    /// Whether the server's words arrive.
    fn is_heard(&self) -> bool {
        self.link.as_ref().is_some_and(|link| link.has_hello && !link.is_silent)
    }

    fn change(&mut self, change: Change) {
        match change {
            Change::Wait(wait) => self.wait(wait),
            Change::ServerUp(is_up) => {
                self.is_up = is_up;
                if !is_up {
                    self.cut(1006);
                }
            }
            Change::Sockets(sockets) => {
                self.sockets = sockets;
                // A proxy that changes cuts what it had.
                if self.link.as_ref().is_some_and(|link| link.transport == Transport::WebSocket) {
                    self.cut(1006);
                }
            }
            Change::Silence => {
                if let Some(link) = &mut self.link {
                    (link.is_silent, link.coming) = (true, Vec::new());
                }
            }
            Change::Cut => self.cut(1006),
            Change::Restart(after) => {
                if self.is_heard() {
                    self.tell(Input::Bye { code: CloseCode::Restart, after: Some(after) });
                    self.cut(4001);
                }
            }
            Change::Source(source) => {
                self.source = source;
                self.say_source();
            }
            Change::Seen(seen) => self.tell(if seen { Input::Seen } else { Input::Hidden }),
            Change::Network(network) => {
                self.network = network;
                if !network {
                    self.cut(1006);
                }
                self.tell(if network { Input::NetworkBack } else { Input::NetworkLost });
            }
            Change::PageHide => {
                self.tell(Input::PageHide);
                self.tell(Input::Hidden);
            }
            Change::TryNow => self.tell(Input::TryNow),
        }
    }

    fn say_source(&mut self) {
        if self.is_heard() && self.source == self.machine.is_source_lost() {
            self.tell(Input::Heard);
            self.tell(Input::Source(self.source));
        }
    }

    /// The time of what happens next by itself.
    fn next_at(&self) -> Option<u64> {
        let coming = self.link.as_ref().and_then(|link| link.coming.iter().map(|(at, _)| *at).min());
        [coming, self.machine.wake_at()].into_iter().flatten().min()
    }

    fn wait(&mut self, wait: u64) {
        let end = self.now + wait;
        while let Some(at) = self.next_at().filter(|at| *at <= end) {
            self.now = self.now.max(at);
            self.happen();
        }
        self.now = end;
    }

    fn happen(&mut self) {
        self.tell(Input::Wake);
        let now = self.now;
        let Some(link) = &mut self.link else { return };
        let Some(index) = link.coming.iter().position(|(at, _)| *at <= now) else { return };
        let (_, happens) = link.coming.remove(index);
        let is_poll = link.transport == Transport::Poll;
        match happens {
            Happens::Hello => {
                link.has_hello = true;
                self.tell(Input::Hello { heartbeat: BEAT, is_outdated: false });
                self.say_source();
            }
            Happens::Settled => {
                self.tell(Input::Heard);
                self.tell(Input::Settled);
            }
            Happens::Heard => {
                if is_poll && link.coming.is_empty() {
                    link.coming.push((now + POLL, Happens::Heard));
                }
                self.tell(Input::Heard);
                if is_poll {
                    self.tell(Input::Rested);
                }
            }
            Happens::Closed(code) => {
                self.link = None;
                self.tell(Input::Closed(code));
            }
        }
    }

    /// Waits until the page is live; how long that took.
    fn until_live(&mut self) -> u64 {
        let began = self.now;
        while !(self.is_heard() && self.shown == LinkState::Live) {
            let at = self.next_at().unwrap_or_else(|| panic!("stuck: {:?}", self.machine));
            self.now = self.now.max(at);
            self.happen();
            assert!(self.now - began < 600_000, "not live after ten minutes: {:?}", self.machine);
        }
        self.now - began
    }
}

/// Two beats of a silent line, then a try of each transport, each after the longest wait and as slow as may be.
const BOUND: u64 = 2 * BEAT + 3 * (20_000 + 10_000) + 1_000;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn a_page_that_can_be_live_is_soon(
        changes in prop::collection::vec(any_change(), 0..40),
        seed: u64, sockets in any_sockets(), is_up: bool, at_last in any_sockets(),
    ) {
        let mut world = World::new(seed, sockets, is_up);
        for change in changes {
            world.change(change);
            if let Some(at) = world.machine.wake_at() {
                prop_assert!(at <= world.now + 2 * BEAT, "a wait that is too long");
            }
        }
        // All is well from here on, but for the sockets.
        for change in [
            Change::ServerUp(true), Change::Network(true), Change::Sockets(at_last), Change::Source(true),
            Change::Seen(true),
        ] {
            world.change(change);
        }
        let took = world.until_live();
        prop_assert!(took <= BOUND, "{took} ms: {:?}", world.machine);

        // It stays so, on the transport that works.
        world.wait(100_000);
        let settled = world.now;
        world.wait(900_000);
        world.until_live();
        let opened = world.opened.iter().filter(|at| **at > settled).count();
        if at_last == Sockets::Work {
            prop_assert_eq!(world.machine.transport(), Transport::WebSocket, "it returned to the socket");
            prop_assert!(opened <= 2, "{opened} links in a quarter of an hour in which all was well");
        } else {
            prop_assert!(opened <= 12, "{opened} links in a quarter of an hour without sockets");
        }
    }

    /// Whatever happens to it, a page is no storm.
    #[test]
    fn links_are_opened_at_a_bounded_rate(
        changes in prop::collection::vec(any_change(), 0..40), seed: u64, sockets in any_sockets(),
    ) {
        let mut world = World::new(seed, sockets, false);
        let mut given = 0;
        for change in changes {
            given += usize::from(!matches!(change, Change::Wait(_)));
            world.change(change);
        }
        // Whatever happened may cost a try at once and quick ones after it; a page that is left alone waits ten
        // seconds on the average.
        let allowed = 20 + 6 * given + usize::try_from(world.now / 5_000).expect("small");
        let opened = world.opened.len();
        prop_assert!(opened <= allowed, "{opened} links, {allowed} allowed, in {} s", world.now / 1_000);
    }

    /// A link that looks open and carries nothing is found within two beats.
    #[test]
    fn a_silent_link_is_found(seed: u64, sockets in any_sockets(), wait in 100_000_u64..400_000) {
        let mut world = World::new(seed, sockets, true);
        world.wait(wait);
        world.until_live();
        world.change(Change::Silence);
        let began = world.now;
        while world.link.as_ref().is_some_and(|link| link.is_silent) {
            world.now = world.machine.wake_at().expect("a doubt");
            world.tell(Input::Wake);
        }
        prop_assert!(world.now - began <= 2 * BEAT, "found after {} ms", world.now - began);
        prop_assert!(world.until_live() <= BOUND);
    }
}
