use proptest::prelude::*;

use super::{PATIENCE, Reason, Refetch};

#[test]
fn many_reasons_make_one_load_and_it_is_soon() {
    let mut refetch = Refetch::new(1);
    assert_eq!(refetch.wake_at(), None);
    for now in 0..100 {
        refetch.want(now, Reason::Changed);
    }
    let at = refetch.wake_at().expect("a load is wanted");
    assert!(at <= Reason::Changed.spread());
    assert_eq!((refetch.next(at), refetch.next(at)), (Some(1), None));
    assert!(refetch.loaded(1));
    assert_eq!(refetch.wake_at(), None);
}

/// A Redis that came back told all pages of the gap in one moment.
#[test]
fn pages_with_one_reason_are_spread() {
    let ats: Vec<u64> = (0..5_000)
        .map(|seed: u64| {
            let mut refetch = Refetch::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
            refetch.want(0, Reason::Gap);
            refetch.wake_at().expect("a load is wanted")
        })
        .collect();
    assert!(ats.iter().all(|at| *at <= Reason::Gap.spread()));
    for tenth in 0..10 {
        let there = ats.iter().filter(|at| **at / 100 == tenth).count();
        assert!((300..700).contains(&there), "{there} of 5,000 in the {tenth}th tenth of a second");
    }
}

#[test]
fn what_changes_during_a_load_is_loaded_after_it() {
    let mut refetch = Refetch::new(1);
    refetch.begin(0);
    assert_eq!(refetch.next(0), Some(1));
    refetch.want(10, Reason::Changed);
    assert_eq!(refetch.wake_at(), Some(PATIENCE), "the answer may be without the change");
    assert!(refetch.loaded(1));
    let at = refetch.wake_at().expect("the next");
    assert!(at <= 10 + Reason::Changed.spread());
    assert_eq!(refetch.next(at), Some(2));
}

#[test]
fn an_answer_that_never_comes_is_not_waited_for_and_one_that_is_late_is_not_shown() {
    let mut refetch = Refetch::new(1);
    refetch.begin(0);
    refetch.next(0);
    refetch.want(10, Reason::Changed);
    assert_eq!(refetch.next(PATIENCE), Some(2));
    assert!(refetch.loaded(2));
    assert!(!refetch.loaded(1), "older than what is shown");
    refetch.failed(PATIENCE + 1, 1);
    assert_eq!(refetch.wake_at(), None, "a newer one brought the value");
}

#[test]
fn a_load_that_fails_is_tried_again_ever_later_whatever_happens_meanwhile() {
    let mut refetch = Refetch::new(7);
    refetch.begin(0);
    let (mut now, mut loads) = (0, 0);
    while now < 600_000 {
        let number = refetch.next(now).expect("its time");
        refetch.failed(now, number);
        refetch.want(now, Reason::Changed);
        let at = refetch.wake_at().expect("another try");
        assert!(at <= now + 20_000);
        (now, loads) = (at.max(now + 1), loads + 1);
    }
    assert!((30..200).contains(&loads), "{loads} loads in ten minutes");
    let number = refetch.next(now).expect("its time");
    assert!(refetch.loaded(number));
    assert_eq!(refetch.wake_at(), None);
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Change(Reason),
    Wait(u64),
    /// The load that began first of those under way ends well or not; or the last one does.
    End {
        first: bool,
        well: bool,
    },
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        any::<bool>().prop_map(|gap| Step::Change(if gap { Reason::Gap } else { Reason::Changed })),
        (0_u64..15_000).prop_map(Step::Wait),
        (any::<bool>(), any::<bool>()).prop_map(|(first, well)| Step::End { first, well }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    /// What is shown never goes back, and once all is quiet it holds the last change.
    #[test]
    fn the_last_change_is_shown(steps in prop::collection::vec(any_step(), 0..60), seed: u64) {
        let mut refetch = Refetch::new(seed);
        let (mut now, mut changes, mut shown) = (0, 0, 0);
        // Number and what the load will bring: what was true when it began.
        let mut under_way: Vec<(u32, u32)> = Vec::new();
        let end = |refetch: &mut Refetch, now, (number, value): (u32, u32), well: bool, shown: &mut u32| {
            if !well {
                refetch.failed(now, number);
            } else if refetch.loaded(number) {
                assert!(value >= *shown, "an older value after a newer one");
                *shown = value;
            }
        };
        for step in steps {
            match step {
                Step::Change(reason) => {
                    changes += 1;
                    refetch.want(now, reason);
                }
                Step::Wait(wait) => now += wait,
                Step::End { first, well } if !under_way.is_empty() => {
                    let load = under_way.remove(if first { 0 } else { under_way.len() - 1 });
                    end(&mut refetch, now, load, well, &mut shown);
                }
                Step::End { .. } => {}
            }
            if let Some(number) = refetch.next(now) {
                under_way.push((number, changes));
            }
        }
        for load in under_way {
            end(&mut refetch, now, load, true, &mut shown);
        }
        for _ in 0..3 {
            let Some(at) = refetch.wake_at() else { break };
            now = now.max(at);
            let number = refetch.next(now).expect("its time");
            end(&mut refetch, now, (number, changes), true, &mut shown);
        }
        prop_assert_eq!(refetch.wake_at(), None);
        prop_assert_eq!(shown, changes);
    }
}
