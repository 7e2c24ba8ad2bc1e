use proptest::prelude::*;

mod network;
mod transports;

use super::{Effect, Input, LinkState, Machine, Phase, Transport};
use crate::close::CloseCode;

const BEAT: u64 = 25_000;
const OPEN: Effect = Effect::Open(Transport::WebSocket);

fn opens(effects: &[Effect]) -> bool {
    effects.iter().any(|effect| matches!(effect, Effect::Open(_)))
}

fn live(now: u64) -> Machine {
    let mut machine = Machine::new(1, None);
    assert_eq!(machine.step(now, Input::Start), [OPEN]);
    assert_eq!(machine.step(now, Input::Hello { heartbeat: BEAT, is_outdated: false }), []);
    assert_eq!(machine.step(now, Input::Settled), [Effect::Show(LinkState::Live)]);
    assert_eq!(machine.said().state, LinkState::Live);
    machine
}

#[test]
fn a_lost_line_is_made_again_by_itself() {
    let mut machine = live(0);
    assert_eq!(machine.step(5, Input::Closed(1006)), [Effect::Show(LinkState::Reconnecting)]);
    let at = machine.wake_at().expect("a next try");
    assert!(at <= 405, "the first wait is short: {at}");
    assert_eq!(machine.step(at, Input::Wake), [OPEN]);
    machine.step(at, Input::Hello { heartbeat: BEAT, is_outdated: false });
    assert_eq!(machine.step(at, Input::Settled), [Effect::Show(LinkState::Live)], "a blip is not spoken of");
    assert_eq!(machine.wake_at(), Some(at + BEAT));
}

#[test]
fn a_break_that_lasts_is_spoken_of() {
    let mut machine = live(0);
    machine.step(5, Input::Hidden);
    assert_eq!(machine.step(5, Input::Closed(1006)), [Effect::Show(LinkState::Reconnecting)]);
    assert_eq!(machine.wake_at(), Some(1_005));
    assert_eq!(machine.step(1_004, Input::Wake), []);
    assert_eq!(machine.said().state, LinkState::Live);
    assert_eq!(machine.step(1_005, Input::Wake), []);
    assert_eq!(machine.said().state, LinkState::Reconnecting);
    assert_eq!(machine.wake_at(), None);
    machine.step(2_000, Input::Seen);
    machine.step(2_001, Input::Hello { heartbeat: BEAT, is_outdated: false });
    assert_eq!(machine.step(2_002, Input::Settled), [Effect::Show(LinkState::Live)]);
    assert_eq!(machine.said().state, LinkState::Live);
}

#[test]
fn it_never_gives_up() {
    let mut machine = live(0);
    let mut now = 0;
    for _ in 0..500 {
        machine.step(now, Input::Closed(1006));
        let failed = now;
        loop {
            now = machine.wake_at().expect("always another try");
            assert!(now - failed <= 20_000);
            if opens(&machine.step(now, Input::Wake)) {
                break;
            }
        }
    }
}

#[test]
fn a_terminal_close_is_believed() {
    for terminal in CloseCode::ALL.into_iter().filter(|code| !code.should_reconnect()) {
        let mut machine = live(0);
        let state = match terminal {
            CloseCode::SessionExpired | CloseCode::Unauthorized => LinkState::SessionExpired,
            _ => LinkState::Offline,
        };
        let effects = machine.step(1, Input::Closed(terminal.number()));
        assert_eq!(effects, [Effect::Show(state)], "{terminal:?}");
        assert_eq!(machine.said().state, state, "{terminal:?}");
        assert_eq!((machine.wake_at(), machine.ended_by()), (None, Some(terminal)));
        assert_eq!(machine.step(2, Input::Seen), []);
    }
}

#[test]
fn a_bye_explains_a_close_without_a_code() {
    let mut machine = live(0);
    machine.step(1, Input::Bye { code: CloseCode::SessionExpired, after: None });
    assert!(!machine.is_open(), "nothing more is to be sent");
    assert_eq!(machine.step(1, Input::Closed(1006)), [Effect::Show(LinkState::SessionExpired)]);
    assert_eq!(machine.ended_by(), Some(CloseCode::SessionExpired));
    // Nothing that happens to the network makes it less over.
    assert_eq!(machine.step(2, Input::NetworkLost), []);
    assert_eq!(machine.step(3, Input::NetworkBack), []);
}

#[test]
fn joins_that_fail_are_asked_again_together_after_a_short_wait() {
    let mut machine = live(0);
    assert_eq!(machine.step(10, Input::JoinFailed), []);
    let at = machine.wake_at().expect("a time to ask");
    assert!((10..=1_010).contains(&at), "the first wait is short: {at}");
    assert_eq!(machine.step(11, Input::JoinFailed), [], "another room");
    assert_eq!(machine.wake_at(), Some(at), "they wait together");
    assert_eq!(machine.step(at, Input::Wake), [Effect::AskAgain]);
    assert_eq!(machine.step(at, Input::Wake), [], "once");
}

#[test]
fn joins_that_keep_failing_are_asked_ever_more_seldom_until_all_is_settled() {
    let mut machine = live(0);
    let mut now = 0;
    let mut asks = 0;
    let wait = |machine: &mut Machine, now: &mut u64| {
        let failed = *now;
        machine.step(*now, Input::JoinFailed);
        loop {
            *now = machine.wake_at().expect("another time to ask");
            // The server answers, only not as one would like.
            machine.step(*now, Input::Heard);
            if machine.step(*now, Input::Wake).contains(&Effect::AskAgain) {
                return *now - failed;
            }
        }
    };
    while now < 600_000 {
        assert!(wait(&mut machine, &mut now) <= 20_000);
        asks += 1;
    }
    assert!((30..120).contains(&asks), "{asks} times in ten minutes");
    machine.step(now, Input::Settled);
    assert!(wait(&mut machine, &mut now) <= 1_000, "a new trouble is asked about soon");
}

#[test]
fn a_lost_line_takes_its_failed_joins_along() {
    let mut machine = live(0);
    machine.step(1, Input::JoinFailed);
    machine.step(2, Input::Closed(1006));
    assert_eq!(machine.step(2, Input::JoinFailed), [], "nobody can be asked");
    let at = machine.wake_at().expect("a next try");
    assert_eq!(machine.step(at, Input::Wake), [OPEN]);
    machine.step(at, Input::Hello { heartbeat: BEAT, is_outdated: false });
    assert_eq!(machine.step(at + 1_500, Input::Wake), []);
    assert_eq!(machine.said().state, LinkState::Reconnecting);
    assert_eq!(machine.wake_at(), Some(at + BEAT), "the new line asks for every room anyway");
}

#[test]
fn silence_is_broken_by_one_ping_and_ends_after_two_beats() {
    let mut machine = live(0);
    assert_eq!(machine.wake_at(), Some(BEAT));
    assert_eq!(machine.step(BEAT, Input::Wake), [Effect::Ping]);
    assert_eq!(machine.step(BEAT + 1, Input::Wake), [], "one ping");
    assert_eq!(machine.wake_at(), Some(2 * BEAT));
    assert_eq!(machine.step(2 * BEAT, Input::Wake), [Effect::Close, Effect::Show(LinkState::Reconnecting)]);
}

#[test]
fn a_frame_is_a_sign_of_life() {
    let mut machine = live(0);
    machine.step(BEAT, Input::Wake);
    machine.step(BEAT + 10, Input::Heard);
    assert_eq!(machine.wake_at(), Some(2 * BEAT + 10));
}

#[test]
fn a_page_that_returns_probes_a_line_that_may_be_dead() {
    let mut machine = live(0);
    machine.step(1, Input::Hidden);
    assert_eq!(machine.step(9_000, Input::Seen), [Effect::Ping]);
    assert_eq!(machine.step(9_001, Input::Seen), [], "one probe");
    assert_eq!(machine.wake_at(), Some(11_000));
    assert_eq!(machine.step(11_000, Input::Wake), [Effect::Close, Effect::Show(LinkState::Reconnecting)]);
}

#[test]
fn a_hidden_page_does_not_try_and_a_seen_one_tries_at_once() {
    let mut machine = live(0);
    machine.step(1, Input::Hidden);
    machine.step(2, Input::Closed(1006));
    machine.step(1_002, Input::Wake);
    assert_eq!(machine.wake_at(), None);
    assert_eq!(machine.step(60_000, Input::Seen), [OPEN]);
}

#[test]
fn without_a_network_the_page_says_offline_and_comes_back_at_once() {
    let mut machine = live(0);
    assert_eq!(machine.step(1, Input::NetworkLost), [Effect::Close, Effect::Show(LinkState::Offline)]);
    assert_eq!(machine.said().state, LinkState::Offline, "without a grace");
    assert_eq!(machine.wake_at(), None);
    assert_eq!(machine.step(2, Input::NetworkBack), [Effect::Show(LinkState::Reconnecting), OPEN]);
}

#[test]
fn a_page_in_the_back_forward_cache_closes_and_comes_back() {
    let mut machine = live(0);
    assert_eq!(machine.step(1, Input::PageHide), [Effect::Close]);
    assert_eq!(machine.step(2, Input::Seen), [Effect::Show(LinkState::Reconnecting), OPEN]);
}

#[test]
fn a_handshake_that_hangs_is_given_up() {
    let mut machine = Machine::new(3, None);
    machine.step(0, Input::Start);
    let due = machine.wake_at().expect("a deadline");
    assert_eq!(machine.step(due, Input::Wake), [Effect::Close, Effect::Show(LinkState::Reconnecting)]);
}

/// A server that closed every connection at once was asked six times a second.
#[test]
fn a_line_that_breaks_as_soon_as_it_stands_is_no_success() {
    let mut machine = Machine::new(5, None);
    machine.step(0, Input::Start);
    let mut now = 0;
    let mut tries = 0;
    while now < 60_000 {
        machine.step(now, Input::Hello { heartbeat: BEAT, is_outdated: false });
        machine.step(now, Input::Settled);
        machine.step(now, Input::Closed(CloseCode::Slow.number()));
        loop {
            now = machine.wake_at().expect("another try");
            if opens(&machine.step(now, Input::Wake)) {
                break;
            }
        }
        tries += 1;
    }
    assert!(tries < 25, "{tries} tries in a minute");
}

/// Showing the phone in flight mode counted as the network being back.
#[test]
fn a_page_that_is_seen_without_a_network_stays_offline() {
    let mut machine = live(0);
    machine.step(1, Input::NetworkLost);
    machine.step(2, Input::Hidden);
    assert_eq!(machine.step(3, Input::Seen), []);
    assert_eq!(machine.wake_at(), None);
    assert!(machine.step(4, Input::NetworkBack).contains(&OPEN));
}

#[test]
fn a_close_code_of_a_newer_server_is_judged_by_its_range() {
    for (number, comes_back) in [(4099, true), (4199, false), (4200, true), (1011, true)] {
        let mut machine = live(0);
        machine.step(1, Input::Closed(number));
        assert_eq!(machine.wake_at().is_some(), comes_back, "{number}");
    }
}

const fn is_of_a_link(input: Input) -> bool {
    use Input::{Bye, Closed, Heard, Hello, JoinFailed, Rested, Settled, Source};
    matches!(input, Hello { .. } | Settled | JoinFailed | Heard | Rested | Source(_) | Bye { .. } | Closed(_))
}

fn any_input() -> impl Strategy<Value = Input> {
    prop_oneof![
        Just(Input::Start),
        Just(Input::Hello { heartbeat: BEAT, is_outdated: false }),
        Just(Input::Settled),
        Just(Input::JoinFailed),
        Just(Input::Heard),
        prop::sample::select(vec![1000_u16, 1001, 1006, 1009, 4000, 4001, 4002, 4003, 4100, 4101])
            .prop_map(Input::Closed),
        Just(Input::Wake),
        Just(Input::Seen),
        Just(Input::NetworkBack),
        Just(Input::Hidden),
        Just(Input::NetworkLost),
        Just(Input::PageHide),
        Just(Input::TryNow),
        Just(Input::Rested),
        any::<bool>().prop_map(Input::Source),
        prop::sample::select(vec![(CloseCode::Restart, Some(7_000)), (CloseCode::Slow, None)])
            .prop_map(|(code, after)| Input::Bye { code, after }),
    ]
}

proptest! {
    /// Whatever happens, a page that is seen and has a network either has a socket or a next try,
    /// unless the server ended it; sockets are never opened twice; states are shown once.
    #[test]
    fn a_page_is_never_stuck(inputs in prop::collection::vec((0_u64..40_000, any_input()), 1..200), seed: u64) {
        let mut machine = Machine::new(seed, None);
        let (mut now, mut sockets, mut has_failed) = (0, 0_i32, false);
        let mut shown = LinkState::Connecting;
        machine.step(now, Input::Start);
        sockets += 1;
        for (passed, input) in inputs {
            now += passed;
            // The shell reports only what can happen to the socket it holds.
            if sockets == 0 && is_of_a_link(input) {
                continue;
            }
            let is_open = matches!(machine.phase, Phase::Open(_));
            if (matches!(input, Input::Hello { .. }) && is_open) || (matches!(input, Input::Bye { .. }) && !is_open) {
                continue;
            }
            if matches!(input, Input::Closed(_)) {
                sockets = 0;
            }
            has_failed = is_open && (has_failed || input == Input::JoinFailed);
            for effect in machine.step(now, input) {
                match effect {
                    Effect::Open(_) => {
                        prop_assert_eq!(sockets, 0, "a second socket");
                        sockets = 1;
                    }
                    Effect::Close => sockets = 0,
                    Effect::Ping => prop_assert_eq!(sockets, 1, "a ping into nothing"),
                    Effect::AskAgain => {
                        prop_assert!(has_failed, "asked for nothing");
                        has_failed = false;
                    }
                    Effect::Show(state) => {
                        prop_assert_ne!(state, shown);
                        shown = state;
                    }
                }
            }
        }
        if matches!(machine.phase, Phase::Open(_)) && has_failed {
            let asks_by = machine.wake_at().expect("a time to ask");
            prop_assert!(asks_by <= now + 20_000, "a failed join is forgotten");
        }
        let ended = machine.ended_by().is_some();
        prop_assert_eq!(ended, matches!(machine.phase, Phase::Ended));
        let is_over = matches!(machine.ended_by(), Some(CloseCode::SessionExpired | CloseCode::Unauthorized));
        prop_assert_eq!(is_over, shown == LinkState::SessionExpired);
        machine.step(now, Input::NetworkBack);
        let effects = machine.step(now, Input::Seen);
        let opened = opens(&effects);
        prop_assert!(ended || sockets == 1 || opened || machine.wake_at().is_some());
        let may_wait = matches!(shown, LinkState::Reconnecting | LinkState::SourceLost);
        prop_assert!(machine.said().state == shown || may_wait);
    }
}
