//! What a machine is expected to open next, and what it says meanwhile.

use super::{BEAT, live, opens};
use crate::client::machine::Transport::{self, Poll, WebSocket};
use crate::client::machine::{Effect, Input, LinkState, Machine};
use crate::close::CloseCode;

/// Waits for the next try, and says of what.
fn next_try(machine: &mut Machine, now: &mut u64) -> Transport {
    loop {
        *now = machine.wake_at().expect("another try");
        for effect in machine.step(*now, Input::Wake) {
            if let Effect::Open(transport) = effect {
                return transport;
            }
        }
    }
}

fn hello(machine: &mut Machine, now: u64) {
    machine.step(now, Input::Hello { heartbeat: BEAT, is_outdated: false });
    machine.step(now, Input::Settled);
}

/// A page whose sockets failed twice and whose polls work since `now`.
fn polling(now: &mut u64) -> Machine {
    let mut machine = Machine::new(1, None);
    machine.step(*now, Input::Start);
    machine.step(*now, Input::Closed(1006));
    assert_eq!(next_try(&mut machine, now), WebSocket);
    machine.step(*now, Input::Closed(1006));
    assert_eq!(next_try(&mut machine, now), Poll);
    hello(&mut machine, *now);
    assert_eq!(machine.said().state, LinkState::Live);
    machine
}

/// Rests of the polls until the socket is tried; the time of it.
fn rest_until_trial(machine: &mut Machine, mut now: u64) -> u64 {
    loop {
        now += 1_000;
        machine.step(now, Input::Heard);
        let effects = machine.step(now, Input::Rested);
        if opens(&effects) {
            assert_eq!(effects, [Effect::Close, Effect::Open(WebSocket)], "nothing is shown of it");
            return now;
        }
        assert_eq!(effects, []);
    }
}

#[test]
fn two_sockets_that_cannot_open_or_die_young_lead_to_polls() {
    for young in [[false, false], [true, true], [true, false], [false, true]] {
        let (mut machine, mut now) = (Machine::new(9, None), 0);
        assert_eq!(machine.step(now, Input::Start), [Effect::Open(WebSocket)]);
        for (is_young, next) in young.into_iter().zip([WebSocket, Poll]) {
            if is_young {
                hello(&mut machine, now);
                now += 9_000;
            }
            machine.step(now, Input::Closed(1006));
            assert_eq!(next_try(&mut machine, &mut now), next, "{young:?}");
        }
    }
}

#[test]
fn a_socket_that_stood_or_was_ended_by_the_server_is_no_reason_to_poll() {
    let (mut machine, mut now) = (Machine::new(9, None), 0);
    machine.step(now, Input::Start);
    for round in 0..20 {
        hello(&mut machine, now);
        if round % 2 == 0 {
            now += 11_000;
        } else {
            machine.step(now, Input::Bye { code: CloseCode::Slow, after: None });
        }
        machine.step(now, Input::Closed(1006));
        assert_eq!(next_try(&mut machine, &mut now), WebSocket);
    }
}

#[test]
fn a_server_that_is_down_is_tried_by_turns() {
    let (mut machine, mut now) = (live(0), 20_000);
    let mut tries = Vec::new();
    for _ in 0..7 {
        machine.step(now, Input::Closed(1006));
        tries.push(next_try(&mut machine, &mut now));
    }
    assert_eq!(tries, [WebSocket, WebSocket, Poll, WebSocket, Poll, WebSocket, Poll]);
}

/// A restart left pages with polls for good.
#[test]
fn a_page_that_polls_returns_to_the_socket_and_says_nothing_of_it() {
    let mut now = 0;
    let mut machine = polling(&mut now);
    let at = rest_until_trial(&mut machine, now);
    assert!(at <= now + 6_000, "what failed may have been a server that was coming up");
    hello(&mut machine, at + 50);
    assert_eq!((machine.said().state, machine.transport()), (LinkState::Live, WebSocket));
    machine.step(at + 20_000, Input::Closed(1006));
    now = at;
    assert_eq!(next_try(&mut machine, &mut now), WebSocket, "it is believed in again");
}

#[test]
fn after_an_outage_the_socket_is_tried_as_soon_as_a_poll_is_answered() {
    let (mut machine, mut now) = (live(0), 20_000);
    for _ in 0..5 {
        machine.step(now, Input::Closed(1006));
        next_try(&mut machine, &mut now);
    }
    assert_eq!(machine.transport(), Poll);
    hello(&mut machine, now);
    assert_eq!(machine.step(now + 1, Input::Rested), [Effect::Close, Effect::Open(WebSocket)]);
    assert_eq!(machine.step(now + 2, Input::Closed(1006)), [Effect::Open(Poll)]);
    hello(&mut machine, now + 3);
    assert_eq!(machine.step(now + 59_000, Input::Rested), [], "now it is proven");
}

#[test]
fn where_sockets_do_not_work_they_are_tried_ever_more_seldom_and_polls_go_on_at_once() {
    let mut now = 0;
    let mut machine = polling(&mut now);
    let mut waits = Vec::new();
    for round in 0..7 {
        let at = rest_until_trial(&mut machine, now);
        waits.push((at - now) / 1_000);
        now = at;
        let effects = match round % 3 {
            0 => machine.step(now, Input::Closed(1006)),
            1 => {
                now = machine.wake_at().expect("a deadline");
                assert_eq!(now, at + 5_000);
                let mut effects = machine.step(now, Input::Wake);
                assert_eq!(effects.remove(0), Effect::Close);
                effects
            }
            _ => {
                hello(&mut machine, now);
                machine.step(now + 1_000, Input::Closed(1006))
            }
        };
        assert_eq!(effects, [Effect::Open(Poll)], "round {round}");
        hello(&mut machine, now);
        assert_eq!(machine.said().state, LinkState::Live);
    }
    assert_eq!(waits, [5, 60, 120, 240, 480, 600, 600]);
}

#[test]
fn a_trial_that_fails_while_the_page_is_hidden_does_not_cost_it_its_polls() {
    let mut now = 0;
    let mut machine = polling(&mut now);
    machine.step(now, Input::Hidden);
    let at = rest_until_trial(&mut machine, now);
    assert_eq!(machine.step(at, Input::Closed(1006)), [Effect::Open(Poll)]);
}

#[test]
fn another_network_is_given_an_early_trial() {
    let mut now = 0;
    let mut machine = polling(&mut now);
    for _ in 0..4 {
        now = rest_until_trial(&mut machine, now);
        machine.step(now, Input::Closed(1006));
        hello(&mut machine, now);
    }
    machine.step(now, Input::NetworkLost);
    assert_eq!(machine.step(now, Input::NetworkBack).last(), Some(&Effect::Open(Poll)));
    hello(&mut machine, now);
    assert!(rest_until_trial(&mut machine, now) <= now + 6_000);
}

#[test]
fn a_forced_transport_is_the_only_one() {
    for forced in [WebSocket, Poll] {
        let (mut machine, mut now) = (Machine::new(4, Some(forced)), 0);
        assert_eq!(machine.step(now, Input::Start), [Effect::Open(forced)]);
        for round in 0..20 {
            if round % 2 == 0 {
                hello(&mut machine, now);
                now += 700_000;
                assert_eq!(machine.step(now, Input::Rested), []);
            }
            machine.step(now, Input::Closed(1006));
            assert_eq!(next_try(&mut machine, &mut now), forced);
        }
    }
}

#[test]
fn the_server_says_when_to_come_back() {
    let mut machine = live(0);
    machine.step(100, Input::Bye { code: CloseCode::Restart, after: Some(7_300) });
    machine.step(101, Input::Closed(4001));
    let mut now = 101;
    assert_eq!((next_try(&mut machine, &mut now), now), (WebSocket, 7_401));
    machine.step(now, Input::Closed(1006));
    next_try(&mut machine, &mut now);
    assert!(now <= 7_401 + 400, "then the waits are its own again");
}

#[test]
fn the_seconds_to_the_next_try_are_counted_while_a_break_is_spoken_of() {
    let mut machine = live(0);
    machine.step(0, Input::Bye { code: CloseCode::Restart, after: Some(4_500) });
    machine.step(0, Input::Closed(4001));
    assert_eq!(machine.said().seconds_to_next_try, None, "not in the first second");
    let mut seen = Vec::new();
    while let Some(at) = machine.wake_at() {
        let effects = machine.step(at, Input::Wake);
        if opens(&effects) {
            assert_eq!((at, machine.said().seconds_to_next_try), (4_500, None));
            break;
        }
        seen.push((at, machine.said().seconds_to_next_try));
    }
    assert_eq!(seen, [(1_000, Some(4)), (1_500, Some(3)), (2_500, Some(2)), (3_500, Some(1))]);
}

#[test]
fn a_person_may_try_now_whatever_the_browser_says() {
    let mut machine = live(0);
    machine.step(1, Input::Closed(1006));
    assert_eq!(machine.step(2, Input::TryNow), [Effect::Open(WebSocket)]);
    assert_eq!(machine.step(3, Input::TryNow), [], "it is being tried");
    hello(&mut machine, 4);
    assert_eq!(machine.step(5, Input::TryNow), [], "it is live");

    machine.step(6, Input::NetworkLost);
    let reconnecting = Effect::Show(LinkState::Reconnecting);
    assert_eq!(machine.step(7, Input::TryNow), [reconnecting, Effect::Open(WebSocket)]);
    assert_eq!(machine.step(8, Input::Closed(1006)), [Effect::Show(LinkState::Offline)]);
    assert_eq!(machine.wake_at(), None, "without a network it does not go on by itself");
    machine.step(9, Input::TryNow);
    hello(&mut machine, 10);
    assert_eq!(machine.said().state, LinkState::Live);
    machine.step(20_000, Input::Closed(1006));
    assert!(machine.wake_at().is_some(), "it was there after all");
}

#[test]
fn a_lost_source_is_shown_at_once_and_said_when_it_lasts() {
    let mut machine = live(0);
    let lost = LinkState::SourceLost;
    assert_eq!(machine.step(10, Input::Source(false)), [Effect::Show(lost)]);
    assert!(machine.is_source_lost());
    assert_eq!((machine.said().state, machine.wake_at()), (LinkState::Live, Some(1_010)));
    assert_eq!(machine.step(500, Input::Source(true)), [Effect::Show(LinkState::Live)]);
    assert_eq!(machine.wake_at(), Some(BEAT), "a blip");

    machine.step(600, Input::Source(false));
    machine.step(1_600, Input::Wake);
    assert_eq!(machine.said().state, lost);
    machine.step(1_700, Input::Closed(1006));
    hello(&mut machine, 1_800);
    assert_eq!((machine.said().state, machine.is_source_lost()), (LinkState::Live, false), "a new link says it anew");
}

#[test]
fn a_source_that_is_lost_before_all_is_settled_is_shown_then() {
    let mut machine = Machine::new(1, None);
    machine.step(0, Input::Start);
    machine.step(1, Input::Hello { heartbeat: BEAT, is_outdated: false });
    assert_eq!(machine.step(2, Input::Source(false)), []);
    assert_eq!(machine.step(3, Input::Settled), [Effect::Show(LinkState::SourceLost)]);
}

#[test]
fn a_page_of_another_build_is_outdated_and_live() {
    let mut machine = Machine::new(1, None);
    machine.step(0, Input::Start);
    machine.step(1, Input::Hello { heartbeat: BEAT, is_outdated: true });
    machine.step(2, Input::Settled);
    assert_eq!((machine.said().state, machine.said().is_outdated), (LinkState::Live, true));
    machine.step(20_000, Input::Closed(1006));
    assert!(machine.said().is_outdated, "until a server says otherwise");
    machine.step(30_000, Input::Seen);
    hello(&mut machine, 30_001);
    assert!(!machine.said().is_outdated);
}

/// Quiet rooms fell out of the server's history while others kept the line busy.
#[test]
fn a_busy_line_is_asked_how_far_it_is_all_the_same() {
    let mut machine = live(0);
    let mut pings = 0;
    for now in (0..600_000).step_by(1_000) {
        machine.step(now, Input::Heard);
        pings += machine.step(now, Input::Wake).iter().filter(|effect| **effect == Effect::Ping).count();
    }
    assert!((10..=12).contains(&pings), "{pings} in ten minutes");
}
