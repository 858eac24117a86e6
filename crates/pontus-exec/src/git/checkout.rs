//! A checkout of our own: a work tree, and outside of it a control folder that borrows the clone's objects. Tests run
//! in the work tree and may do with it what they like, so nothing that is found there is believed.

use std::collections::HashSet;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

use super::error::GitError;
use super::names::check_id;
use super::objects::Found;
use super::questions::{Mode, Tracked, entries};
use super::{Git, Place, absolute, objects, one_line, path_of};
use crate::write_over::write_over;

/// Settings under which git makes the files what the commit says, whatever the user prefers elsewhere.
///
/// The pattern file lets all paths in: with it, git itself clears the marks that would have it leave a path alone.
const EXACT: [&str; 9] = [
    "core.sparseCheckout=true",
    "core.sparseCheckoutCone=false",
    "core.autocrlf=false",
    "core.fileMode=true",
    "core.symlinks=true",
    "core.trustctime=true",
    "core.checkStat=default",
    "core.ignoreStat=false",
    // All of the index is in one file, so that it can be copied.
    "core.splitIndex=false",
];

/// The pattern that lets all paths in.
const ALL_PATHS: &str = "/*\n";

/// What a killed git leaves behind, and the next one stumbles over. One process at a time uses a checkout.
const LOCKS: [&str; 2] = ["index.lock", "HEAD.lock"];

/// What an owner needs to look into a folder and to remove what is in it.
const OWNER_ALL: u32 = 0o700;

impl Git {
    /// Makes the control folder and the work tree, sharing the objects of the clone whose git folder is
    /// `objects_of`. May be repeated.
    ///
    /// # Errors
    /// When this is not a checkout, when `objects_of` is no repository, or as every verb.
    pub fn init_sharing(&self, objects_of: &Path) -> Result<(), GitError> {
        let task = "make a checkout";
        let (git_dir, work_tree) = self.checkout_place()?;
        let (format, objects) = self.objects_of(objects_of)?;
        for folder in [&git_dir, &work_tree] {
            let mut builder = fs::DirBuilder::new();
            builder.recursive(true).mode(OWNER_ALL).create(folder).map_err(at(task, folder))?;
        }
        let here = self.elsewhere(Place { dir: git_dir.clone(), git_dir: None, work_tree: None });
        let call = here.call(task, "init").settings(["init.defaultRefFormat=files"]);
        let call = call.args(["--quiet", "--bare", "--template=", "--initial-branch=none"]);
        call.arg(format!("--object-format={format}")).output()?;
        write(task, &git_dir.join("info/sparse-checkout"), ALL_PATHS.as_bytes())?;
        let mut line = objects.into_os_string().into_encoded_bytes();
        line.push(b'\n');
        write(task, &git_dir.join("objects/info/alternates"), &line)
    }

    /// The object format of a repository, and where its objects are.
    fn objects_of(&self, git_dir: &Path) -> Result<(String, PathBuf), GitError> {
        let task = "find the clone's objects";
        let dir = absolute(git_dir.into());
        let there = self.elsewhere(Place { dir: dir.clone(), git_dir: Some(dir), work_tree: None });
        let call = there.call(task, "rev-parse").args(["--show-object-format"]);
        let out = call.args(["--path-format=absolute", "--git-path", "objects"]).output()?;
        let end = out.iter().position(|byte| *byte == b'\n').unwrap_or(out.len());
        let (format, rest) = out.split_at(end);
        let objects = rest.strip_prefix(b"\n").and_then(|rest| rest.strip_suffix(b"\n"));
        // A line of the file that names them is a path; one with a line break in it cannot be written there.
        let objects = objects.filter(|path| path.starts_with(b"/") && !path.contains(&b'\n'));
        let objects = path_of(objects.ok_or(GitError::BadAnswer { task })?);
        Ok((one_line(format.to_vec(), task)?, objects.into()))
    }

    /// Whether an object is certainly not here. Git is not asked, so where only git could tell, it may be.
    pub fn lacks(&self, id: &str) -> bool {
        matches!(self.find(id), Ok(None))
    }

    /// Where the object is. It is an error where only git could tell.
    fn find(&self, id: &str) -> io::Result<Option<Found>> {
        check_id(id).map_err(io::Error::other)?;
        let (git_dir, _) = self.checkout_place().map_err(io::Error::other)?;
        objects::borrowed(&git_dir.join("objects"), id)
    }

    /// Makes the tracked files exactly what the commit says, whatever state they and the index were in. Files that
    /// are not tracked stay, where they are not in the way; see [`Git::clean`].
    ///
    /// # Errors
    /// When this is not a checkout, when it is no commit's id or the commit is not here, or as every verb.
    pub fn checkout(&self, id: &str) -> Result<(), GitError> {
        let found = self.find(id);
        match self.check_out(id, &found) {
            Err(GitError::Failed { task, .. }) => {
                // Perhaps the index is damaged. Without one, all files are written anew.
                remove(task, &self.checkout_place()?.0.join("index"))?;
                self.check_out(id, &found)
            }
            other => other,
        }
    }

    /// Does the same in one try, and says whether the commit is checked out now. It is not where the commit is not here, and may not
    /// be where only [`checkout`](Self::checkout) could deal with what is there. Git is not started where it is certainly not here.
    ///
    /// # Errors
    /// When this is not a checkout, when it is no commit's id, or as every verb.
    pub fn try_checkout(&self, id: &str) -> Result<bool, GitError> {
        let found = self.find(id);
        if matches!(found, Ok(None)) {
            return Ok(false);
        }
        match self.check_out(id, &found) {
            Err(GitError::Failed { .. }) => Ok(false),
            checked_out => checked_out.map(|()| true),
        }
    }

    /// What the checkout of commit `id` tracks below `folder`, as [`tracked`](Self::tracked) says it.
    ///
    /// # Errors
    /// As there.
    pub fn checked_out(&self, id: &str, folder: &str) -> Result<Vec<Tracked>, GitError> {
        let (git_dir, _) = self.checkout_place()?;
        let is_below = |path: &Path| path.starts_with(folder) && path != Path::new(folder);
        match read_index(&git_dir) {
            Some(all) => Ok(all.into_iter().filter(|file| is_below(&file.path)).collect()),
            None => self.tracked(id, folder),
        }
    }

    fn check_out(&self, id: &str, found: &io::Result<Option<Found>>) -> Result<(), GitError> {
        let task = "check out a commit";
        check_id(id)?;
        let (git_dir, _) = self.checkout_place()?;
        for lock in LOCKS {
            remove(task, &git_dir.join(lock))?;
        }
        // Git would take an annotated tag, or a tree, just as well.
        let is_commit = |found: &Found| found.is_commit().unwrap_or(false);
        if matches!(found, Ok(Some(found)) if is_commit(found)) {
            // The same, without what git does for somebody's branches, which is a fifth of it.
            let call = self.call(task, "read-tree").settings(EXACT);
            call.args(["--reset", "-u", id]).output()?;
            let head = git_dir.join("HEAD");
            return write_over(&head, format!("{id}\n").as_bytes()).map_err(at(task, &head));
        }
        // No --end-of-options: git 2.39 takes it for the name of a commit here.
        let call = self.call(task, "checkout").settings(EXACT);
        call.args(["--quiet", "--force", "--detach", id, "--"]).output()?;
        // An annotated tag has an id too, and leads to a commit of another one.
        if fs::read(git_dir.join("HEAD")).is_ok_and(|head| head.trim_ascii() == id.as_bytes()) {
            return Ok(());
        }
        Err(GitError::bad_argument("a commit", id))
    }

    /// Removes all that the commit does not track, ignored or not, other repositories and what is named `.git` included; except what
    /// one of the patterns in `keep` matches, which are those of a `.gitignore`, and except `.git` in the root, which is the caller's.
    ///
    /// # Errors
    /// When this is not a checkout, when something cannot be removed, or as every verb.
    pub fn clean(&self, keep: &[String]) -> Result<(), GitError> {
        let task = "clean a checkout";
        let (git_dir, work_tree) = self.checkout_place()?;
        let known = read_index(&git_dir).and_then(Known::of);
        let found = loosen(&work_tree, known.as_ref()).map_err(at(task, &work_tree))?;
        for path in found.hidden {
            remove(task, &path)?;
        }
        if found.is_clean {
            return Ok(());
        }
        let call = self.call(task, "clean").args(["-ffdxq"]);
        keep.iter().fold(call, |call, pattern| call.args(["-e", pattern])).output()?;
        self.empty_submodules(task, &work_tree)
    }

    /// Git leaves what is in a submodule's folder to the submodule, and we have none checked out.
    fn empty_submodules(&self, task: &'static str, work_tree: &Path) -> Result<(), GitError> {
        let head = self.call(task, "rev-parse").args(["--verify", "-q", "HEAD^{tree}"]);
        let Some(tree) = head.question()? else { return Ok(()) };
        let call = self.call(task, "ls-tree").args(["-r", "-d", "-z", "--full-tree"]);
        let out = call.arg(one_line(tree, task)?).output()?;
        for entry in entries(&out, task)?.into_iter().filter(|e| e.mode == Mode::Submodule) {
            let folder = work_tree.join(entry.path);
            if fs::symlink_metadata(&folder).is_ok() {
                remove(task, &folder)?;
                fs::create_dir(&folder).map_err(at(task, &folder))?;
            }
        }
        Ok(())
    }

    /// The control folder and the work tree; never a user's clone, where these verbs would destroy work.
    fn checkout_place(&self) -> Result<(PathBuf, PathBuf), GitError> {
        match &self.place {
            Place { git_dir: Some(git_dir), work_tree: Some(work_tree), .. } => {
                Ok((git_dir.clone(), work_tree.clone()))
            }
            Place { dir, .. } => {
                Err(GitError::bad_argument("a checkout of our own", &dir.to_string_lossy()))
            }
        }
    }
}

/// The largest index that we read ourselves, of about a hundred thousand files. Of a larger one git can tell more cheaply.
const INDEX_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// What an index says is tracked; none where only git can tell. The folder's name tells nothing of how long its ids are, `HEAD` does.
fn read_index(git_dir: &Path) -> Option<Vec<Tracked>> {
    let head = fs::read(git_dir.join("HEAD")).ok()?;
    let path = git_dir.join("index");
    let fits = fs::metadata(&path).is_ok_and(|index| index.len() <= INDEX_BYTES_MAX);
    fits.then(|| fs::read(path).ok())
        .flatten()
        .and_then(|index| super::index::tracked(&index, head.trim_ascii().len() / 2))
}

/// The paths that may be in a work tree.
struct Known {
    files: HashSet<PathBuf>,
    folders: HashSet<PathBuf>,
}

impl Known {
    /// None where there are submodules: what is in their folders is for git to say.
    fn of(all: Vec<Tracked>) -> Option<Known> {
        if all.iter().any(|file| file.mode == Mode::Submodule) {
            return None;
        }
        let mut folders = HashSet::new();
        for file in &all {
            let above = file.path.ancestors().skip(1);
            // Where one is known, those above it are.
            let new = above.take_while(|folder| !folders.contains(*folder)).collect::<Vec<_>>();
            folders.extend(new.into_iter().map(Path::to_owned));
        }
        Some(Known { files: all.into_iter().map(|file| file.path).collect(), folders })
    }

    fn has(&self, path: &Path, is_folder: bool) -> bool {
        if is_folder { self.folders.contains(path) } else { self.files.contains(path) }
    }
}

/// What [`loosen`] has found.
struct Loosened {
    /// What is named `.git`.
    hidden: Vec<PathBuf>,
    /// Whether there is nothing at all that is not known.
    is_clean: bool,
}

/// Makes every folder one that can be removed, and lists what is named `.git` below the root, which `git clean` never sees: with a
/// repository planted in a folder of tests, the next commit's tests would work on that.
fn loosen(root: &Path, known: Option<&Known>) -> io::Result<Loosened> {
    let mut found = Loosened { hidden: Vec::new(), is_clean: known.is_some() };
    let mut folders = vec![PathBuf::new()];
    while let Some(below) = folders.pop() {
        let folder = root.join(&below);
        let mut permissions = fs::symlink_metadata(&folder)?.permissions();
        if permissions.mode() & OWNER_ALL != OWNER_ALL {
            permissions.set_mode(permissions.mode() | OWNER_ALL);
            fs::set_permissions(&folder, permissions)?;
        }
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_name().as_bytes() == b".git" {
                if below.as_os_str().is_empty() {
                    continue;
                }
                found.hidden.push(entry.path());
            }
            // Of a link this is false, wherever it leads.
            let is_folder = entry.file_type()?.is_dir();
            let path = below.join(entry.file_name());
            found.is_clean &= known.is_some_and(|known| known.has(&path, is_folder));
            if is_folder {
                folders.push(path);
            }
        }
    }
    Ok(found)
}

/// Removes a file, a link or a whole folder, where there is one.
fn remove(task: &'static str, path: &Path) -> Result<(), GitError> {
    let removed = match fs::symlink_metadata(path) {
        Ok(found) if found.is_dir() => fs::remove_dir_all(path),
        Ok(_) => fs::remove_file(path),
        Err(error) => Err(error),
    };
    match removed {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at(task, path)(error)),
        _ => Ok(()),
    }
}

/// Writes a file of the control folder, and the folder it is in.
fn write(task: &'static str, path: &Path, content: &[u8]) -> Result<(), GitError> {
    let parent = path.parent().unwrap_or(path);
    fs::create_dir_all(parent).and_then(|()| fs::write(path, content)).map_err(at(task, path))
}

fn at(task: &'static str, path: &Path) -> impl FnOnce(io::Error) -> GitError + use<> {
    let path = path.to_owned();
    move |source| GitError::Files { task, path, source }
}

#[cfg(test)]
#[path = "checkout_tests.rs"]
mod tests;
