//! Storms and the calm between them, and what must hold in it.

use std::thread::sleep;
use std::time::{Duration, Instant};

use crate::INSTANCES_AGREE;
use crate::report;
use crate::storm::Storm;
use crate::support::wait_for;
use crate::world::World;

/// How long it storms before there is calm.
const SPELL: Duration = Duration::from_secs(20);
/// When the storms are over, every page is live again within this.
const COMEBACK: Duration = Duration::from_secs(30);
/// How long what is published in the calm may take to arrive.
const ARRIVAL: Duration = Duration::from_secs(5);

/// What blows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Spell {
    /// Nothing that touches Redis or the lines to it.
    Mild,
    /// Everything, at once too.
    Wild,
}

pub(crate) struct Weather {
    world: World,
    lasts: Duration,
    /// The longest that something stands still.
    longest: Duration,
}

impl Weather {
    pub(crate) fn new(world: World, lasts: Duration) -> Self {
        let longest = if lasts > Duration::from_mins(5) { Duration::from_mins(1) } else { Duration::from_secs(4) };
        Self { world, lasts, longest }
    }

    /// Storms and calms until the time is up.
    pub(crate) fn blow(mut self) {
        let mut spell = Spell::Mild;
        while self.world.record.elapsed() < self.lasts {
            let gaps_before = self.gaps();
            self.world.record.may_lose(spell == Spell::Wild || !INSTANCES_AGREE);
            self.storms(spell);
            self.calm();
            let gaps = self.gaps() - gaps_before;
            println!("{:6.1} s: after a {spell:?} spell all pages are whole; {gaps} gaps were told", self.seconds());
            spell = if spell == Spell::Mild { Spell::Wild } else { Spell::Mild };
        }
        report::print(&self.world);
    }

    fn storms(&mut self, spell: Spell) {
        let began = Instant::now();
        while began.elapsed() < SPELL && self.world.record.elapsed() < self.lasts {
            let random = &mut self.world.random;
            let (first, second) = match (spell, random.below(10)) {
                (Spell::Mild, 0..=1) => (*random.pick(&Storm::OF_DEPLOYING), None),
                (Spell::Mild, 2..=3) => (*random.pick(&Storm::OF_PAGES), Some(*random.pick(&Storm::OF_PAGES))),
                (Spell::Mild, _) => (*random.pick(&Storm::OF_PAGES), None),
                (Spell::Wild, 0) => (*random.pick(&Storm::OF_REDIS), Some(*random.pick(&Storm::OF_A_SERVER))),
                (Spell::Wild, 1..=3) => (*random.pick(&Storm::OF_REDIS), Some(*random.pick(&Storm::OF_PAGES))),
                (Spell::Wild, 4) => (*random.pick(&Storm::OF_A_SERVER), Some(*random.pick(&Storm::OF_PAGES))),
                (Spell::Wild, 5) => (*random.pick(&Storm::OF_A_SERVER), None),
                (Spell::Wild, _) => (*random.pick(&Storm::OF_REDIS), None),
            };
            // Most are short, as in life.
            let longest = if random.is_one_in(4) { self.longest } else { Duration::from_secs(2) };
            let lasts = random.between(Duration::from_millis(50), longest);
            let pause = random.between(Duration::from_millis(100), Duration::from_millis(1500));
            println!("{:6.1} s: {} {second:?} for {lasts:?}", self.seconds(), first.name());
            let second = second.map(|second| second.begin(&mut self.world, lasts));
            let first = first.begin(&mut self.world, lasts);
            sleep(lasts);
            first.end(&mut self.world);
            if let Some(second) = second {
                second.end(&mut self.world);
            }
            sleep(pause);
            self.look();
        }
    }

    /// Nothing breaks any more: every page is live again in time, and gets all that is published then.
    fn calm(&self) {
        self.world.let_all_pass();
        wait_for("both servers to hear what is published", || self.world.is_ready().then_some(()));
        let began = Instant::now();
        loop {
            let heard = self.world.heard();
            let are_live = self.world.pages.iter().all(|page| page.state.is_live());
            let numbers = if are_live { self.world.publisher.round() } else { Vec::new() };
            let is_whole = are_live && self.all_get(&numbers, &heard);
            self.look();
            if is_whole {
                return;
            }
            if began.elapsed() > COMEBACK {
                println!("the servers had heard of {heard:?} events, then of {:?}", self.world.heard());
                self.fail(&self.laggards(&numbers));
            }
            sleep(Duration::from_millis(50));
        }
    }

    /// Whether every listener gets these numbers of its room, and all before them that it must; and every server
    /// hears them after the events it had heard of, though it may have no page at the moment.
    fn all_get(&self, numbers: &[u64], heard: &[u64]) -> bool {
        let published = Instant::now();
        let is_heard = |(now, before): (&u64, &u64)| *now >= *before + numbers.len() as u64;
        while published.elapsed() < ARRIVAL {
            if self.laggards(numbers).is_empty() && self.world.heard().iter().zip(heard).all(is_heard) {
                return true;
            }
            sleep(Duration::from_millis(10));
        }
        false
    }

    /// The pages that are not live, or have not got these numbers, with their diaries.
    fn laggards(&self, numbers: &[u64]) -> Vec<String> {
        let lags = |page: &&crate::world::PageHandle| {
            let witnesses = page.state.witnesses();
            let mut listeners = witnesses.iter().zip(&page.state.rooms);
            let number_of = |room: &usize| numbers.get(*room).copied().unwrap_or_default();
            !page.state.is_live() || listeners.any(|(witness, room)| witness.last() < number_of(room))
        };
        self.world.pages.iter().filter(lags).map(|page| page.state.diary()).collect()
    }

    /// Fails where the promise was broken.
    fn look(&self) {
        // Servers that did not hear each other in time, on a machine that is too busy, number apart until one of them
        // subscribes again: that costs gaps, and is told in the report.
        self.world.record.decide(|| {
            wait_for("both servers to be there", || self.world.is_ready().then_some(()));
            self.world.count_alike()
        });
        let breaches = self.world.record.breaches();
        if !breaches.is_empty() {
            self.fail(&breaches);
        }
    }

    fn fail(&self, what: &[String]) -> ! {
        report::print(&self.world);
        let shown = what.iter().take(3).map(String::as_str).collect::<Vec<_>>().join("\n\n");
        panic!("after {:.1} s, {} of these:\n{shown}", self.seconds(), what.len());
    }

    fn gaps(&self) -> u64 {
        self.world.record.gaps().values().sum()
    }

    fn seconds(&self) -> f64 {
        self.world.record.elapsed().as_secs_f64()
    }
}
