//! Memory that the two Envoys of a hot restart share: a file on a tmpfs, mapped by both.
//!
//! A process that has the file mapped holds a shared lock on it. A process that comes while another holds it knows that no proof is missing from
//! the store; the first one does not know the proofs that were used before by an Envoy without this file.

use std::fs::{self, File, OpenOptions};
use std::os::fd::{AsRawFd, RawFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::ptr::NonNull;
use std::sync::atomic::AtomicU64;
use std::{io, ptr, slice};

/// A mapped file: words that other processes change too.
#[derive(Debug)]
pub(crate) struct SharedFile {
    words: NonNull<AtomicU64>,
    count: usize,
    _locked: File,
}

// SAFETY: the mapping stays where it is until the value is dropped, and its words are atomic.
unsafe impl Send for SharedFile {}
// SAFETY: as above.
unsafe impl Sync for SharedFile {}

impl AsRef<[AtomicU64]> for SharedFile {
    fn as_ref(&self) -> &[AtomicU64] {
        // SAFETY: `count` words are mapped at this address, a page's, until the value is dropped. The file was allocated whole, and no process
        // that keeps to this module makes it shorter.
        unsafe { slice::from_raw_parts(self.words.as_ptr(), self.count) }
    }
}

impl Drop for SharedFile {
    fn drop(&mut self) {
        // SAFETY: mapped by `map` with this address and length, and lent to no one any more.
        unsafe { libc::munmap(self.words.as_ptr().cast(), self.count * size_of::<AtomicU64>()) };
    }
}

impl SharedFile {
    /// The file at `path`, if there is one, and whether no other process has it mapped.
    ///
    /// # Errors
    /// It is no regular file of this user with mode 0600 on a tmpfs, or cannot be opened or mapped.
    pub(crate) fn open(path: &Path) -> io::Result<Option<(Self, bool)>> {
        let opened = options().open(path);
        let file = match opened {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?,
        };
        let about = file.metadata()?;
        // SAFETY: takes no argument and always succeeds.
        let user = unsafe { libc::geteuid() };
        if !about.is_file() || about.uid() != user || about.mode() & 0o777 != 0o600 {
            return Err(io::Error::other("it must be a regular file of this user with mode 0600"));
        }
        let is_alone = lock(&file, libc::LOCK_EX | libc::LOCK_NB);
        if !lock(&file, libc::LOCK_SH) {
            return Err(io::Error::last_os_error());
        }
        let count = usize::try_from(about.len()).unwrap_or(0) / size_of::<AtomicU64>();
        Ok(Some((Self::map(file, count)?, is_alone)))
    }

    /// A new file of so many words, zeros, that takes the place of the one at `path` when `prepare` has made a store of it.
    ///
    /// # Errors
    /// It cannot be made: no tmpfs, no room.
    pub(crate) fn replace(path: &Path, count: usize, prepare: impl FnOnce(&Self)) -> io::Result<Self> {
        let new = beside(path, ".new");
        match fs::remove_file(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            // Left over by a process that ended while it made one.
            _ => {}
        }
        let file = options().create_new(true).open(&new)?;
        let made = Self::fill(file, count).and_then(|made| {
            prepare(&made);
            fs::rename(&new, path).map(|()| made)
        });
        if made.is_err() {
            let _gone = fs::remove_file(&new);
        }
        made
    }

    fn fill(file: File, count: usize) -> io::Result<Self> {
        if !is_on_tmpfs(file.as_raw_fd())? {
            return Err(io::Error::other(
                "it must be on a tmpfs, such as /dev/shm: a file on a disk may lack proofs after a power loss",
            ));
        }
        let length = libc::off_t::try_from(count.saturating_mul(size_of::<AtomicU64>()))
            .map_err(|_| io::Error::from(io::ErrorKind::InvalidInput))?;
        // All its pages are taken now: a page that a full memory cannot give later would end the process.
        // SAFETY: numbers only.
        let error = unsafe { libc::posix_fallocate(file.as_raw_fd(), 0, length) };
        if error != 0 {
            return Err(io::Error::from_raw_os_error(error));
        }
        if !lock(&file, libc::LOCK_SH) {
            return Err(io::Error::last_os_error());
        }
        Self::map(file, count)
    }

    fn map(file: File, count: usize) -> io::Result<Self> {
        if count == 0 || !is_on_tmpfs(file.as_raw_fd())? {
            return Err(io::Error::other("it must be a file on a tmpfs that this module made"));
        }
        let bytes = count * size_of::<AtomicU64>();
        // SAFETY: a new mapping, at an address that the kernel chooses, of a file that is at least so long.
        let address = unsafe {
            libc::mmap(
                ptr::null_mut(),
                bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                0,
            )
        };
        if address == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let words = NonNull::new(address.cast()).ok_or_else(|| io::Error::other("mapped at no address"))?;
        Ok(Self { words, count, _locked: file })
    }
}

/// Held while a process looks at a file and puts another one in its place.
pub(crate) struct Turn {
    _locked: File,
}

impl Turn {
    /// Waits for the turn of this process at the file at `path`.
    ///
    /// # Errors
    /// The file of the lock cannot be made.
    pub(crate) fn wait(path: &Path) -> io::Result<Self> {
        let file = options().create(true).truncate(false).open(beside(path, ".lock"))?;
        if lock(&file, libc::LOCK_EX) { Ok(Self { _locked: file }) } else { Err(io::Error::last_os_error()) }
    }
}

fn options() -> OpenOptions {
    let mut options = OpenOptions::new();
    // Only this user's own files are used, none that another one has linked there.
    options.read(true).write(true).mode(0o600).custom_flags(libc::O_NOFOLLOW);
    options
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(ending);
    name.into()
}

fn lock(file: &File, how: i32) -> bool {
    // SAFETY: numbers only.
    unsafe { libc::flock(file.as_raw_fd(), how) == 0 }
}

fn is_on_tmpfs(file: RawFd) -> io::Result<bool> {
    let mut about = std::mem::MaybeUninit::<libc::statfs>::uninit();
    // SAFETY: the address is valid for the call.
    if unsafe { libc::fstatfs(file, about.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: written by the call, which succeeded.
    let about = unsafe { about.assume_init() };
    Ok(about.f_type == libc::TMPFS_MAGIC)
}
