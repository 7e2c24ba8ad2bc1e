//! Servers that start, crash, lose and find their bus in any order, with answers late or lost: in one epoch an
//! event has one number, and whoever comes with a position gets what is missing, or a gap.

mod world;

use proptest::prelude::*;

use self::world::{SERVERS, Step, World};
use super::SITES;

fn any_step() -> impl Strategy<Value = Step> {
    let server = 0..SERVERS;
    prop_oneof![
        1 => server.clone().prop_map(Step::Start),
        1 => server.clone().prop_map(Step::Crash),
        6 => server.clone().prop_map(Step::Subscribe),
        6 => (server.clone(), prop::bool::weighted(0.9)).prop_map(|(server, arrives)| Step::Mark(server, arrives)),
        3 => server.clone().prop_map(Step::Receivers),
        14 => (server.clone(), 1..12_usize).prop_map(|(server, count)| Step::Read(server, count)),
        6 => (server.clone(), prop::bool::weighted(0.9)).prop_map(|(server, arrives)| Step::Answer(server, arrives)),
        12 => server.clone().prop_map(Step::Work),
        2 => server.clone().prop_map(Step::Break),
        1 => Just(Step::Restart),
        10 => (0..5_usize).prop_map(Step::Publish),
        2 => (100..900_u64).prop_map(Step::Wait),
        4 => server.clone().prop_map(Step::Clock),
        6 => (server.clone(), server, 0..SITES.len()).prop_map(|(from, to, site)| Step::Hop(from, to, site)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1000, ..ProptestConfig::default() })]

    #[test]
    fn in_one_epoch_an_event_has_one_number(steps in prop::collection::vec(any_step(), 20..150)) {
        let mut world = World::new();
        for index in 0..SERVERS {
            world.step(&Step::Start(index));
        }
        for step in &steps {
            world.step(step);
        }
    }
}

/// What servers do when Redis is back, with nothing lost and each thing done within a moment.
fn any_step_of_a_return() -> impl Strategy<Value = Step> {
    let server = 0..SERVERS;
    prop_oneof![
        server.clone().prop_map(Step::Subscribe),
        server.clone().prop_map(|server| Step::Mark(server, true)),
        server.clone().prop_map(Step::Receivers),
        (server.clone(), 1..4_usize).prop_map(|(server, count)| Step::Read(server, count)),
        server.prop_map(|server| Step::Answer(server, true)),
        (0..3_usize).prop_map(Step::Publish),
        (1..20_u64).prop_map(Step::Wait),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

    #[test]
    fn after_a_restart_all_servers_come_to_one_epoch(
        before in prop::collection::vec(any_step(), 0..60),
        steps in prop::collection::vec(any_step_of_a_return(), 0..60),
    ) {
        let mut world = World::new();
        for step in &before {
            world.step(step);
        }
        for index in 0..SERVERS {
            if world.instances[index].is_none() {
                world.step(&Step::Start(index));
            }
        }
        world.step(&Step::Restart);
        for step in &steps {
            world.step(step);
        }
        for _ in 0..50 {
            for index in 0..SERVERS {
                world.step(&Step::Work(index));
                world.step(&Step::Clock(index));
            }
            world.step(&Step::Wait(100));
        }
        for site in SITES {
            let [first, others @ ..] = world.instances.each_ref().map(|instance| {
                instance.as_ref().expect("none has crashed").server.position(site)
            });
            prop_assert!(others.iter().all(|other| *other == first), "{first:?} {others:?}");
        }
    }
}

/// The schedules above are worth something only if servers find each other in them.
#[test]
fn servers_agree_in_many_schedules() {
    use proptest::strategy::ValueTree;
    let mut runner = proptest::test_runner::TestRunner::deterministic();
    let (mut adopted, mut recovered) = (0, 0);
    for _ in 0..60 {
        let steps = prop::collection::vec(any_step(), 200).new_tree(&mut runner).expect("steps").current();
        let mut world = World::new();
        for index in 0..SERVERS {
            world.step(&Step::Start(index));
        }
        for step in &steps {
            world.step(step);
        }
        adopted += world.adopted;
        recovered += world.recovered;
    }
    assert!(adopted > 60 && recovered > 60, "{adopted} adoptions, {recovered} recoveries elsewhere");
}
