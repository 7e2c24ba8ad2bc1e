//! What a run saw.

use std::sync::atomic::Ordering;

use crate::world::World;

/// Prints it.
pub(crate) fn print(world: &World) {
    let record = &world.record;
    let (mut delivered, mut missed, mut needless, mut listeners, mut connections) = (0, 0, 0, 0, 0);
    let mut old_values = 0;
    for page in &world.pages {
        connections += page.state.connections.load(Ordering::Relaxed);
        for witness in page.state.witnesses().iter() {
            listeners += 1;
            delivered += witness.delivered;
            old_values += witness.old_values;
            missed += witness.missed;
            needless += witness.needless_gaps;
        }
    }
    let unsure: usize = record.rooms.iter().map(crate::record::RoomBook::unsure).sum();
    println!("--- chaos report");
    println!("{:.0} seconds, {} pages with {listeners} listeners", record.elapsed().as_secs_f64(), world.pages.len());
    println!("{} events published, {unsure} of them perhaps", record.published.load(Ordering::Relaxed));
    println!("{delivered} deliveries, {missed} missed under gaps, {needless} gaps with nothing missing");
    let apart = record.apart.load(Ordering::Relaxed);
    println!("{apart} gaps were told where nothing can have been lost, because the servers counted apart");
    println!("{old_values} values told after a gap were older than what had been seen");
    let [recovered, not] = [&record.recovered, &record.not_recovered].map(|joins| joins.load(Ordering::Relaxed));
    println!("{recovered} joins were recovered, {not} were not (each page's first ones are among these)");
    println!("{connections} connections, ended with codes {:?}", record.closes());
    println!("gaps told, by storm:");
    for (storm, count) in record.gaps() {
        println!("  {count:6} {storm}");
    }
}
