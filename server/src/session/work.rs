//! What goes on beside a connection: questions to Frappe, handlers, reviews. Bounded: what one connection
//! asks waits for what it has asked before, so that others get their turns.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use realtime::frame::{Ref, ServerFrame};

use tokio::time::{Instant, sleep_until};

use super::viewing::Opening;
use super::{Authority, Caller, Grant, Position, Refusal, Room, review};
use crate::site::Subject;

/// Questions of one connection that are under way at a time; the others wait here.
const QUESTIONS_AT_A_TIME: usize = 4;

/// How long a join may wait until Frappe is asked about it.
const TURN_PATIENCE: Duration = Duration::from_secs(5);

/// A join whose answer is not known yet.
#[derive(Debug)]
pub(super) struct PendingJoin {
    pub(super) reference: Ref,
    pub(super) room: Room,
    pub(super) since: Option<Position>,
    pub(super) latest: Vec<String>,
    /// What is to be looked at once the room is joined.
    pub(super) opening: Option<Opening>,
    /// The page is in the room already: nothing is said where nothing is new.
    pub(super) is_standing: bool,
    /// Until when it may wait for its turn.
    deadline: Instant,
    /// What it holds, in bytes.
    pub(super) size: usize,
}

impl PendingJoin {
    /// A join that came just now.
    pub(super) fn new(reference: Ref, room: Room, since: Option<Position>, latest: Vec<String>) -> Self {
        let texts = latest.iter().map(|name| name.len() + size_of::<String>());
        let epoch = since.as_ref().map_or(0, |since| since.epoch.len());
        // The room is kept a second time, as what Frappe is asked about.
        let size = size_of::<Self>() + 2 * room.to_string().len() + epoch + texts.sum::<usize>();
        let (opening, is_standing, deadline) = (None, false, Instant::now() + TURN_PATIENCE);
        Self { reference, room, since, latest, opening, is_standing, deadline, size }
    }

    /// The user looks at the document of this room, from the answer on.
    pub(super) fn opening(self, opening: Opening) -> Self {
        let size = self.size + opening.seen.as_ref().map_or(0, String::len);
        Self { opening: Some(opening), size, ..self }
    }

    /// The ref under which it is answered whatever comes of it.
    pub(super) fn wants_answer(&self) -> Option<Ref> {
        (!self.is_standing).then_some(self.reference)
    }
}

/// What is done.
pub enum Done {
    /// Joins may have waited for too long.
    WaitedEnough,
    /// Frappe was asked about the join of this number.
    Join(u64, Result<Grant, Refusal>),
    /// The session was looked at.
    Review(review::Found),
    /// A handler's answer.
    Handler(ServerFrame),
}

#[derive(Default)]
pub(super) struct Work {
    running: FuturesUnordered<BoxFuture<'static, Done>>,
    /// Joins that Frappe is being asked about, by number.
    asking: Vec<(u64, PendingJoin)>,
    /// Questions under way, those included whose room was left meanwhile.
    questions: usize,
    waiting: VecDeque<(PendingJoin, Subject)>,
    /// Something will say when the first of them has waited enough.
    is_timed: bool,
    joins: u64,
    /// Handlers that run.
    handlers: usize,
}

impl Work {
    /// Joins that wait for an answer, and what they hold in bytes.
    pub(super) fn pending(&self) -> (usize, usize) {
        self.pending_joins().fold((0, 0), |(count, bytes), join| (count + 1, bytes + join.size))
    }

    /// Asks about a join, when it is its turn.
    pub(super) fn ask(&mut self, authority: &Arc<Authority>, caller: &Arc<Caller>, join: PendingJoin, about: Subject) {
        self.waiting.push_back((join, about));
        self.begin_questions(authority, caller);
        self.time_the_first();
    }

    /// Whether one of the page's rooms is still asked about.
    pub(super) fn has_standing(&self) -> bool {
        self.pending_joins().any(|join| join.is_standing)
    }

    /// Whether the page waits for an answer.
    pub(super) fn owes_answers(&self) -> bool {
        self.handlers > 0 || self.pending_joins().any(|join| !join.is_standing)
    }

    fn pending_joins(&self) -> impl Iterator<Item = &PendingJoin> {
        self.asking.iter().map(|(_, join)| join).chain(self.waiting.iter().map(|(join, _)| join))
    }

    /// Lets a handler run.
    pub(super) fn handle(&mut self, handling: BoxFuture<'static, Done>) {
        self.handlers += 1;
        self.run(handling);
    }

    /// A handler is done.
    pub(super) const fn handled(&mut self) {
        self.handlers -= 1;
    }

    /// Lets something run.
    pub(super) fn run(&mut self, doing: BoxFuture<'static, Done>) {
        self.running.push(doing);
    }

    /// How many things run.
    pub(super) fn running(&self) -> usize {
        self.running.len()
    }

    /// Waits until something is done; for ever when nothing runs.
    pub(super) async fn next(&mut self) -> Done {
        match self.running.next().await {
            Some(done) => done,
            None => std::future::pending().await,
        }
    }

    /// The join of this number, whose answer is known now; none if its room was left meanwhile.
    pub(super) fn asked(&mut self, number: u64) -> Option<PendingJoin> {
        self.questions -= 1;
        let index = self.asking.iter().position(|(known, _)| *known == number)?;
        Some(self.asking.swap_remove(index).1)
    }

    /// Those that wait to look at the document of this room will do so like this.
    pub(super) fn set_away(&mut self, room: &Room, away: bool) {
        let asking = self.asking.iter_mut().map(|(_, join)| join);
        let joins = asking.chain(self.waiting.iter_mut().map(|(join, _)| join)).filter(|join| join.room == *room);
        for opening in joins.filter_map(|join| join.opening.as_mut()) {
            opening.away = away;
        }
    }

    /// Forgets the joins of a room, and returns the refs of those that want an answer.
    pub(super) fn leave(&mut self, room: &Room) -> Vec<Ref> {
        let of_room = self.pending_joins().filter(|join| join.room == *room);
        let left = of_room.filter_map(PendingJoin::wants_answer).collect();
        self.asking.retain(|(_, join)| join.room != *room);
        self.waiting.retain(|(join, _)| join.room != *room);
        left
    }

    /// The joins that have waited enough and are not asked about any more: the refs of those that want an answer.
    pub(super) fn give_up(&mut self) -> Vec<Ref> {
        self.is_timed = false;
        let now = Instant::now();
        let late = self.waiting.iter().take_while(|(join, _)| join.deadline <= now).count();
        let late = self.waiting.drain(..late).filter_map(|(join, _)| join.wants_answer()).collect();
        self.time_the_first();
        late
    }

    fn time_the_first(&mut self) {
        if let Some((join, _)) = self.waiting.front()
            && !self.is_timed
        {
            self.is_timed = true;
            let deadline = join.deadline;
            self.running.push(Box::pin(async move {
                sleep_until(deadline).await;
                Done::WaitedEnough
            }));
        }
    }

    /// Begins what may begin now. Returns whether nothing is left to do.
    pub(super) fn is_over(&mut self, authority: &Arc<Authority>, caller: &Arc<Caller>) -> bool {
        self.begin_questions(authority, caller);
        // A timer of joins that have all been asked about is nothing to wait for.
        self.running.is_empty() || (self.is_timed && self.running.len() == 1 && self.pending() == (0, 0))
    }

    fn begin_questions(&mut self, authority: &Arc<Authority>, caller: &Arc<Caller>) {
        while self.questions < QUESTIONS_AT_A_TIME {
            let Some((join, subject)) = self.waiting.pop_front() else { return };
            self.joins += 1;
            self.questions += 1;
            let (number, room) = (self.joins, join.room.clone());
            self.asking.push((number, join));
            let (authority, caller) = (Arc::clone(authority), Arc::clone(caller));
            self.run(Box::pin(async move { Done::Join(number, authority.ask(&caller, room, subject).await) }));
        }
    }
}
