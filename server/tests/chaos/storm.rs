//! What is done to the lines, the processes and the pages.

use std::thread::sleep;
use std::time::Duration;

use crate::line::Flow;
use crate::page::Doing;
use crate::people;
use crate::support::wait_for;
use crate::world::World;

/// One kind of trouble.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Storm {
    PagesCut,
    PagesStalled,
    PagesLost,
    PagesTrickling,
    PagesRefused,
    PhonesHidden,
    PhonesOffline,
    PhonesAway,
    SlowReaders,
    RollingRestart,
    ServerPaused,
    ServerKilled,
    RedisLineCut,
    RedisLineStalled,
    RedisLineLost,
    RedisLineRefused,
    SubscribersClosed,
    RedisPaused,
    RedisKilled,
    RedisRestarted,
}

/// A storm that has begun.
pub(crate) struct Begun {
    storm: Storm,
    pages: Vec<usize>,
    instance: usize,
}

impl Storm {
    /// Those that touch pages and their lines only.
    pub(crate) const OF_PAGES: [Self; 9] = [
        Self::PagesCut,
        Self::PagesStalled,
        Self::PagesLost,
        Self::PagesTrickling,
        Self::PagesRefused,
        Self::PhonesHidden,
        Self::PhonesOffline,
        Self::PhonesAway,
        Self::SlowReaders,
    ];
    /// Those after which nothing may be missing either, where instances agree.
    pub(crate) const OF_DEPLOYING: [Self; 1] = [Self::RollingRestart];
    /// Those after which something may be missing: of a server,
    pub(crate) const OF_A_SERVER: [Self; 2] = [Self::ServerPaused, Self::ServerKilled];
    /// or of Redis and the lines to it.
    pub(crate) const OF_REDIS: [Self; 8] = [
        Self::RedisLineCut,
        Self::RedisLineStalled,
        Self::RedisLineLost,
        Self::RedisLineRefused,
        Self::SubscribersClosed,
        Self::RedisPaused,
        Self::RedisKilled,
        Self::RedisRestarted,
    ];

    /// Its name in the report.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::PagesCut => "pages' lines cut",
            Self::PagesStalled => "pages' lines stalled",
            Self::PagesLost => "pages' lines half open",
            Self::PagesTrickling => "pages' lines slow",
            Self::PagesRefused => "pages refused",
            Self::PhonesHidden => "phones hidden",
            Self::PhonesOffline => "phones offline",
            Self::PhonesAway => "phones in the back/forward cache",
            Self::SlowReaders => "slow readers",
            Self::RollingRestart => "rolling restart",
            Self::ServerPaused => "server paused",
            Self::ServerKilled => "server killed",
            Self::RedisLineCut => "line to Redis cut",
            Self::RedisLineStalled => "line to Redis stalled",
            Self::RedisLineLost => "line to Redis half open",
            Self::RedisLineRefused => "line to Redis refused",
            Self::SubscribersClosed => "subscribers closed by Redis",
            Self::RedisPaused => "Redis paused",
            Self::RedisKilled => "Redis killed",
            Self::RedisRestarted => "Redis restarted",
        }
    }

    /// Begins it.
    pub(crate) fn begin(self, world: &mut World, lasts: Duration) -> Begun {
        world.record.storm_begins(self.name());
        let begun =
            Begun { storm: self, pages: world.some_pages(), instance: world.random.below(world.instances.len()) };
        let (pages, number) = (begun.pages.iter().map(|page| &world.pages[*page]), begun.instance);
        match self {
            Self::PagesCut => pages.for_each(|page| page.line.cut()),
            Self::PagesStalled => pages.for_each(|page| page.line.set(Flow::Stall)),
            Self::PagesLost => pages.for_each(|page| page.line.lose()),
            Self::PagesTrickling => pages.for_each(|page| page.line.set(Flow::Trickle)),
            Self::PagesRefused => pages.for_each(|page| page.line.set(Flow::Refuse)),
            Self::PhonesHidden => {
                // A phone that sleeps often loses its line, too.
                for (nth, page) in pages.enumerate() {
                    page.does(Doing::Hide);
                    if nth % 2 == 0 {
                        page.line.cut();
                    }
                }
            }
            Self::PhonesOffline => pages.for_each(|page| page.does(Doing::LoseNetwork)),
            Self::PhonesAway => pages.for_each(|page| page.does(Doing::GoAway)),
            Self::SlowReaders => {
                let (lane, readers) = people::a_lane(&mut world.random, world.pages.len());
                for page in readers {
                    world.pages[page].does(Doing::Freeze(lasts.max(BURST_TAKES)));
                }
                world.publisher.burst(lane, BURST_EVENTS, BURST_BYTES);
            }
            Self::RollingRestart => {
                let count = world.instances.len();
                let restarts = if world.random.is_one_in(2) { 1 } else { count };
                for nth in 0..restarts {
                    let instance = &mut world.instances[(number + nth) % count];
                    instance.stop();
                    // Its pages go to the other, which knows what they know: one that has just begun does not.
                    sleep(MOVE);
                    instance.start();
                    wait_for("a restarted server to be ready", || instance.is_ready().then_some(()));
                    world.record.instance_begins((number + nth) % count);
                    // Before the next one ends, this one knows what its pages will ask for.
                    sleep(MOVE);
                }
            }
            Self::ServerPaused => world.instances[number].signal("STOP"),
            Self::ServerKilled => world.instances[number].kill(),
            Self::RedisLineCut => world.instances[number].redis_line.cut(),
            Self::RedisLineStalled => world.instances[number].redis_line.set(Flow::Stall),
            Self::RedisLineLost => world.instances[number].redis_line.lose(),
            Self::RedisLineRefused => world.instances[number].redis_line.set(Flow::Refuse),
            Self::SubscribersClosed => world.tell_redis(&["CLIENT", "KILL", "TYPE", "pubsub"]),
            Self::RedisPaused => world.redis().pause(),
            Self::RedisKilled => world.redis_mut().kill(),
            Self::RedisRestarted => world.shut_redis_down(),
        }
        begun
    }
}

/// Together more than the kernel (2.6 MB of a local line) and the queue (256 frames) take for a page that does not read.
const BURST_EVENTS: usize = 800;
const BURST_BYTES: usize = 8 << 10;
/// How long a deployment waits for pages to move.
const MOVE: Duration = Duration::from_secs(2);
/// How long that takes to be published, by a debug build.
const BURST_TAKES: Duration = Duration::from_secs(3);

impl Begun {
    /// Ends it: what was done is undone.
    pub(crate) fn end(self, world: &mut World) {
        let instance = &mut world.instances[self.instance];
        let pages = self.pages.iter().map(|page| &world.pages[*page]);
        match self.storm {
            Storm::PagesCut
            | Storm::PagesLost
            | Storm::SlowReaders
            | Storm::RollingRestart
            | Storm::RedisLineCut
            | Storm::RedisLineLost
            | Storm::SubscribersClosed => {}
            Storm::PagesStalled | Storm::PagesTrickling | Storm::PagesRefused => {
                pages.for_each(|page| page.line.set(Flow::Pass));
            }
            Storm::PhonesHidden => pages.for_each(|page| page.does(Doing::Show)),
            Storm::PhonesOffline => pages.for_each(|page| page.does(Doing::FindNetwork)),
            Storm::PhonesAway => pages.for_each(|page| page.does(Doing::ComeBack)),
            Storm::ServerPaused => instance.signal("CONT"),
            Storm::ServerKilled => instance.start(),
            Storm::RedisLineStalled | Storm::RedisLineRefused => instance.redis_line.set(Flow::Pass),
            Storm::RedisPaused => world.redis().go_on(),
            Storm::RedisKilled | Storm::RedisRestarted => world.restart_redis(),
        }
    }
}
