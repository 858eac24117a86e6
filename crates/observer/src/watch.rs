//! The loops: a thread for each clone, which looks, and waits for its next look; and signals, which wake and end them.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result};
use log::{debug, warn};
use pontus_cli::exit;
use pontus_exec::Stop;
use signal_hook::consts::{SIGINT, SIGTERM, SIGUSR1};
use signal_hook::iterator::Signals;

use crate::bell::{Bell, Woken};
use crate::config::{Config, Repo};
use crate::look::Observer;
use crate::mood::{Mood, Outcome, Subject, in_a_line};
use crate::pace::next_look;

/// How long threads may take to leave once the user has said it twice. Git ends at once where it is well; a dispatcher that
/// does not answer is not waited for, as what it has not acknowledged is handed in again.
const LEAVE: Duration = Duration::from_secs(2);

/// What the main thread hears.
#[derive(Debug)]
enum News {
    /// The observer of the clone of this number has come to its end.
    Ended(usize, Result<()>),
    /// The user wants us to leave, or cannot wait until we have.
    Leave,
}

/// Watches until a signal says stop, or once.
///
/// # Errors
/// When looking once, the worst of what went wrong; otherwise what keeps it from starting.
pub fn watch(config: Config) -> Result<()> {
    let (config, bell) = (Arc::new(config), Arc::new(Bell::default()));
    let (tell, hear) = channel();
    listen(Arc::clone(&bell), tell.clone())?;
    for number in 0..config.repos.len() {
        let (config, bell, tell) = (Arc::clone(&config), Arc::clone(&bell), tell.clone());
        let watch = move || {
            let result = observe(&config, &config.repos[number], &bell);
            // Where nobody listens any more, all has ended.
            tell.send(News::Ended(number, result)).ok();
        };
        let thread = thread::Builder::new().name(format!("clone {number}"));
        thread.spawn(watch).context("cannot start a thread")?;
    }
    // Dropped, so that the end of all others would be heard.
    drop(tell);
    wait_for_all(&hear, config.repos.len(), &config.stop)
}

/// Waits until each has ended, or until the user does not want to wait.
fn wait_for_all(hear: &Receiver<News>, count: usize, stop: &Stop) -> Result<()> {
    let mut results: Vec<Option<Result<()>>> = (0..count).map(|_| None).collect();
    let mut asked = 0;
    while results.iter().any(Option::is_none) {
        let heard = if asked < 2 {
            hear.recv().map_err(|_| RecvTimeoutError::Disconnected)
        } else {
            hear.recv_timeout(LEAVE)
        };
        match heard {
            Ok(News::Ended(number, result)) => results[number] = Some(result),
            Ok(News::Leave) => {
                asked += 1;
                if asked == 2 {
                    stop.now();
                }
            }
            Err(_) => break,
        }
    }
    sum_up(results.into_iter().flatten())
}

/// Fails with the worst of what the clones ended with: first a dispatcher that takes nothing, then whatever came first in
/// their order. The others are logged.
fn sum_up(results: impl Iterator<Item = Result<()>>) -> Result<()> {
    let mut errors: Vec<Error> = results.filter_map(Result::err).collect();
    errors.sort_by_key(|error| exit::code_of_error(error) != exit::DISPATCHER);
    let mut errors = errors.into_iter();
    let worst = errors.next();
    for other in errors {
        warn!("{}", in_a_line(&other));
    }
    worst.map_or(Ok(()), Err)
}

/// The first SIGTERM or Ctrl-C ends the observer after the looks that it is at, the second ends those as well. SIGUSR1 begins
/// one.
fn listen(bell: Arc<Bell>, tell: Sender<News>) -> Result<()> {
    let mut signals =
        Signals::new([SIGTERM, SIGINT, SIGUSR1]).context("cannot listen to signals")?;
    let hear = move || {
        for signal in signals.forever() {
            if signal == SIGUSR1 {
                bell.ring();
                continue;
            }
            bell.leave();
            if tell.send(News::Leave).is_err() {
                return;
            }
        }
    };
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(hear)
        .context("cannot start a thread")?;
    Ok(())
}

/// Watches one clone. One that is not there is looked for again, unless it is all that there is to do.
fn observe(config: &Config, repo: &Repo, bell: &Bell) -> Result<()> {
    let mut observer = None;
    let mut mood = Mood::new(&repo.name);
    let (mut next, mut heard) = (Instant::now(), 0);
    let mut is_first = true;
    loop {
        let outcome = look(config, repo, &mut observer);
        if config.stop.is_set() {
            return Ok(());
        }
        let is_hopeless = is_first && observer.is_none() && config.repos.len() == 1;
        if config.once || is_hopeless {
            let path = repo.path.display();
            let is_alone = config.repos.len() == 1;
            let result = outcome.into_result(&repo.name);
            return if is_alone { result } else { result.with_context(|| path.to_string()) };
        }
        is_first = false;
        mood.note(&outcome);
        debug!("{}looked", repo.name);
        next = next_look(next, config.interval, Instant::now());
        match bell.wait_until(next, &mut heard) {
            Woken::ToLeave => return Ok(()),
            Woken::ByTime => {}
            Woken::ByBell => {
                next = Instant::now();
                observer.iter_mut().for_each(Observer::hurry);
            }
        }
    }
}

fn look(config: &Config, repo: &Repo, observer: &mut Option<Observer>) -> Outcome {
    let mut outcome = Outcome::default();
    let observer = match observer {
        Some(observer) => observer,
        None => match Observer::open(config, repo) {
            Ok(opened) => observer.insert(opened),
            Err(error) => {
                outcome.trouble(Subject::Clone, error);
                return outcome;
            }
        },
    };
    observer.look()
}
