//! The power fails at any moment, and a dispatcher is started on what the disk has then.
//!
//! A failure names its image, by the seed of all that chance decides in it. To see that one again, which is the same as long as
//! the dispatcher's threads take their turns as they did, or to have more of them:
//!
//!     PONTUS_IMAGE=123 cargo test -p pontus-tests --test disk after_a_power -- --nocapture
//!     PONTUS_IMAGES=4000 cargo test -p pontus-tests --test disk after_a_power -- --nocapture

use std::env;
use std::fs;
use std::ops::Range;
use std::process::Command;

use fastrand::Rng;
use pontus_tests::{Process, Yard};

use crate::image::{Image, Luck};
use crate::oracle::{Judgement, judge, judge_end, judge_results};
use crate::record::{Recording, options, record};
use crate::story::{Interlude, Pause, Teller};
use crate::two_at_a_time;
use crate::writes::Writes;

/// Images that are looked at without being asked for more.
const IMAGES: u64 = 400;

/// On one of so many the story is told to its end, which takes ten times as long as to look.
const END_OF: u64 = 4;

/// Which images to look at: so many, unless somebody asks for others.
fn images(by_itself: u64) -> Range<u64> {
    let number = |name| Some(env::var(name).ok()?.parse::<u64>().unwrap());
    match number("PONTUS_IMAGE") {
        Some(image) => image..image + 1,
        None => 0..number("PONTUS_IMAGES").unwrap_or(by_itself),
    }
}

/// Has the power fail on what `command` makes, until something is wrong: that is returned, or how many images were sound. None
/// where nothing can be traced here.
fn fail_power(
    interlude: Interlude,
    command: impl Fn(&Yard) -> Command,
    images: Range<u64>,
) -> Option<Result<usize, String>> {
    let yard = Yard::bare();
    let recording = record(&yard, interlude, || command(&yard))?;
    let writes = Writes::of(&recording);
    let images: Vec<_> = images.collect();
    let outcomes = two_at_a_time(&images, |image| look_at(*image, &recording, &writes));
    let wrong = outcomes.iter().find_map(|(image, outcome)| {
        outcome.as_ref().err().map(|why| format!("image {image}: {why}"))
    });
    Some(wrong.map_or(Ok(outcomes.len()), Err))
}

/// Puts an image together, starts on it, and has the story told to its end.
fn look_at(image: u64, recording: &Recording, writes: &Writes) -> Judgement {
    let mut rng = Rng::with_seed(image);
    let lines = recording.lines();
    let moments: Vec<_> = writes.moments().into_iter().filter(|at| lines.contains(at)).collect();
    let at = moments[rng.usize(0..moments.len())];
    let luck = Luck::draw(&mut rng);
    let yard = Yard::bare();
    // Made once and for ever before the results folder was.
    fs::create_dir_all(yard.token_file().parent().unwrap()).unwrap();
    fs::copy(recording.root.join("config/pontus/token"), yard.token_file()).unwrap();
    Image::of(writes, at, luck, &mut rng).lay_out(writes, yard.path());
    // The machine was started anew.
    fs::write(yard.path().join("test_results/.pontus/boot"), "another").ok();
    let said = recording.said.iter().filter(|line| **line < at).count();
    let to_the_end = image.is_multiple_of(END_OF);
    let outcome = judge_results(&yard).and_then(|()| start_on(&yard, recording, said, to_the_end));
    outcome.map_err(|why| format!("at line {at}, after {said} answers, {luck:?}: {why}"))
}

/// Holds what a start makes of it against what was said, and goes on from there, if that is wanted.
fn start_on(yard: &Yard, recording: &Recording, said: usize, to_the_end: bool) -> Judgement {
    let (heard, unheard) = recording.heard.split_at(said);
    let mut dispatcher = start(yard)?;
    judge(yard, heard, unheard)?;
    if !to_the_end {
        return Ok(());
    }
    let mut teller = Teller::after(yard, recording.interlude, heard);
    loop {
        match teller.tell() {
            Pause::Over => return judge_end(yard),
            Pause::Restart => dispatcher.stop(),
            other => return Err(format!("{other:?}: {:?}", dispatcher.log())),
        }
        dispatcher = start(yard)?;
        teller.hang_up();
    }
}

fn start(yard: &Yard) -> Result<Process, String> {
    let options = options(yard);
    let options = options.each_ref().map(String::as_str);
    let dispatcher = yard.try_dispatcher_by(yard.command("dispatcher"), &options);
    if !dispatcher.says_before_its_end("listening on ") {
        return Err(format!("it does not start: {:?}", dispatcher.log()));
    }
    Ok(dispatcher)
}

/// Has nothing be wrong.
fn hold(interlude: Interlude, images: Range<u64>) {
    match fail_power(interlude, |yard| yard.command("dispatcher"), images) {
        Some(Ok(count)) => eprintln!("{interlude:?}: {count} images are sound"),
        Some(Err(why)) => panic!("{why}"),
        None => {}
    }
}

#[test]
fn after_a_power_failure_it_has_what_it_acknowledged() {
    hold(Interlude::Restart, images(IMAGES));
}

#[test]
fn after_a_power_failure_while_it_makes_its_database_anew_too() {
    hold(Interlude::Meddling, images(IMAGES));
}

#[test]
fn power_failures_find_what_is_planted() {
    for bug in ["acknowledge-first", "in-place-results"] {
        let outcome = fail_power(Interlude::Restart, |yard| yard.planted(bug), 0..IMAGES);
        let Some(outcome) = outcome else { return };
        let why = outcome.expect_err(bug);
        eprintln!("{bug}: found: {why:.200}");
    }
}
