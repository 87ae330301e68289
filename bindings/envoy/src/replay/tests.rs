use super::*;

const NOW: UnixSeconds = UnixSeconds::new(1_800_000_000);
const NEED: Need = Need { window: ReplayWindow { max_age_seconds: 60, future_seconds: 5 }, proofs: 128 };

fn at_now() -> UnixSeconds {
    NOW
}

fn named(name: &str, need: Need, clock: impl Fn() -> UnixSeconds, forget: bool, seed: [u64; 2]) -> Arc<SharedReplay> {
    store(name, None, need, clock, forget, seed).unwrap()
}

#[test]
fn a_store_outlives_its_configuration() {
    let first = named("outlives", NEED, at_now, true, [1, 2]);
    assert_eq!(first.record_use(&[7; 32], NOW, NOW), Ok(FirstUse::Recorded));
    drop(first);
    let second = named("outlives", NEED, at_now, true, [3, 4]);
    assert_eq!(second.record_use(&[7; 32], NOW, NOW), Ok(FirstUse::Replayed));
    assert_eq!(named("other", NEED, at_now, true, [1, 2]).record_use(&[7; 32], NOW, NOW), Ok(FirstUse::Recorded));
}

#[test]
fn a_wider_window_holds_for_those_who_were_there_before() {
    let narrow = named("widens", NEED, at_now, true, [1, 2]);
    assert_eq!(narrow.record_use(&[7; 32], NOW, NOW), Ok(FirstUse::Recorded));
    let wider = Need { window: ReplayWindow { max_age_seconds: 300, future_seconds: 5 }, proofs: 64 };
    let wide = named("widens", wider, at_now, true, [3, 4]);
    // What the old store has seen, the new one cannot know.
    assert_eq!(wide.record_use(&[7; 32], NOW, NOW), Ok(FirstUse::Unknowable));
    let later = NOW.plus(6);
    assert_eq!(narrow.record_use(&[8; 32], later, later), Ok(FirstUse::Recorded));
    assert_eq!(wide.record_use(&[8; 32], later, NOW.plus(200)), Ok(FirstUse::Replayed));
}

#[test]
fn a_new_store_refuses_what_may_have_been_used_before_it() {
    let shared = named("new", NEED, at_now, false, [1, 2]);
    assert_eq!(shared.record_use(&[7; 32], NOW, NOW), Ok(FirstUse::Unknowable));
    assert_eq!(shared.record_use(&[7; 32], NOW.plus(6), NOW.plus(6)), Ok(FirstUse::Recorded));
}

/// B9. A configuration waits for the workers that claim proofs before it makes the store wider: proofs that they accept meanwhile stay used.
#[test]
fn a_store_made_wider_forgets_no_proof_of_the_meantime() {
    use std::sync::atomic::Ordering;
    use std::time::Duration;

    let clock = Arc::new(AtomicU64::new(NOW.as_u64()));
    let shared = named("meantime", NEED, at_now, true, [1, 2]);
    let current = shared.current.read().unwrap();
    let configured = {
        let clock = Arc::clone(&clock);
        std::thread::spawn(move || {
            let wider = Need { window: ReplayWindow { max_age_seconds: 300, future_seconds: 5 }, proofs: 64 };
            named("meantime", wider, || UnixSeconds::new(clock.load(Ordering::SeqCst)), true, [3, 4]);
        })
    };
    while shared.current.try_read().is_ok() {
        std::thread::sleep(Duration::from_millis(1)); // until the configuration waits
    }
    clock.store(NOW.plus(3).as_u64(), Ordering::SeqCst);
    let issued_at = NOW.plus(8);
    assert_eq!(current.1.record_use(&[7; 32], issued_at, NOW.plus(3)), FirstUse::Recorded);
    drop(current);
    configured.join().unwrap();
    assert_eq!(shared.record_use(&[7; 32], issued_at, issued_at), Ok(FirstUse::Unknowable));
}

/// A folder on a tmpfs, removed at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = Path::new("/dev/shm").join(format!("countersign-{name}-{}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("proofs")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}

/// B8. Two mappings are the two processes of a hot restart: a lock belongs to the open file, not to the process.
#[test]
fn two_processes_use_a_proof_once() {
    let folder = Folder::new("hot");
    let file = folder.file();
    let old = shared(&file, NEED, &at_now, [1, 2], false).unwrap();
    assert_eq!(old.record_use(&[7; 32], NOW, NOW), FirstUse::Unknowable, "from before the first Envoy");
    let later = NOW.plus(6);
    assert_eq!(old.record_use(&[7; 32], later, later), FirstUse::Recorded);
    let new = shared(&file, NEED, &|| later, [3, 4], false).unwrap();
    assert_eq!(new.record_use(&[7; 32], later, later), FirstUse::Replayed);
    assert_eq!(new.record_use(&[8; 32], later, later), FirstUse::Recorded, "nothing is refused: no proof is missing");
    assert_eq!(old.record_use(&[8; 32], later, later), FirstUse::Replayed);
    drop((old, new));
    // An Envoy that starts when none runs does not know the proofs used since, without this file.
    let next = NOW.plus(20);
    let alone = shared(&file, NEED, &|| next, [5, 6], false).unwrap();
    assert_eq!(alone.record_use(&[9; 32], next, next), FirstUse::Unknowable);
    assert_eq!(alone.record_use(&[8; 32], later, next), FirstUse::Replayed);
    drop(alone);
    let forgetful = shared(&file, NEED, &|| next.plus(60), [5, 6], true).unwrap();
    assert_eq!(forgetful.record_use(&[9; 32], next.plus(6), next.plus(6)), FirstUse::Recorded);
}

#[test]
fn a_wider_need_is_a_new_file_and_the_old_one_takes_no_proof() {
    let folder = Folder::new("wider");
    let file = folder.file();
    let old = shared(&file, NEED, &at_now, [1, 2], true).unwrap();
    assert_eq!(old.record_use(&[7; 32], NOW, NOW), FirstUse::Recorded);
    let wider = Need { window: ReplayWindow { max_age_seconds: 300, future_seconds: 5 }, proofs: 1000 };
    let new = shared(&file, wider, &at_now, [3, 4], true).unwrap();
    assert_eq!(new.record_use(&[7; 32], NOW, NOW), FirstUse::Unknowable);
    let later = NOW.plus(6);
    assert_eq!(old.record_use(&[8; 32], later, later), FirstUse::Unknowable);
    assert_eq!(new.record_use(&[8; 32], later, later), FirstUse::Recorded);
    // A narrower one is served.
    let third = shared(&file, NEED, &|| later, [5, 6], false).unwrap();
    assert_eq!(third.record_use(&[8; 32], later, later), FirstUse::Replayed);
    assert_eq!(std::fs::read_dir(&folder.0).unwrap().count(), 2, "the file and its lock");
}

#[test]
fn a_file_that_is_none_of_this_module_is_refused_or_replaced() {
    use std::os::unix::fs::PermissionsExt;

    let folder = Folder::new("foreign");
    let file = folder.file();
    std::fs::write(&file, [0; 4096]).unwrap();
    let refused = |expected: &str| {
        let error = shared(&file, NEED, &at_now, [1, 2], true).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains(expected), "{error}");
    };
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o644)).unwrap();
    refused("mode 0600");
    std::fs::set_permissions(&file, PermissionsExt::from_mode(0o600)).unwrap();
    let made = shared(&file, NEED, &at_now, [1, 2], true).unwrap();
    assert_eq!(made.record_use(&[7; 32], NOW, NOW), FirstUse::Unknowable, "another one was in its place");
    drop(made);
    std::fs::remove_file(&file).unwrap();
    std::os::unix::fs::symlink("/dev/null", &file).unwrap();
    refused("os error");
    std::fs::remove_file(&file).unwrap();
    std::fs::create_dir(&file).unwrap();
    refused("os error");
    let on_disk = Path::new(env!("CARGO_MANIFEST_DIR")).join("proofs-of-a-test");
    let error = shared(&on_disk, NEED, &at_now, [1, 2], true).map(|_| ()).unwrap_err().to_string();
    assert!(error.contains("tmpfs"), "{error}");
    assert!(!on_disk.exists());
    std::fs::remove_file(on_disk.with_extension("lock")).unwrap();
}

#[test]
fn a_file_belongs_to_one_store() {
    let folder = Folder::new("belongs");
    let file = folder.file();
    let open = |name: &str, file: Option<&Path>| store(name, file, NEED, at_now, true, [1, 2]).map(|_| ());
    assert_eq!(open("one", Some(&file)), Ok(()));
    assert_eq!(open("one", Some(&file)), Ok(()));
    assert!(open("two", Some(&file)).unwrap_err().contains("the file of the store one"));
    assert!(open("one", None).unwrap_err().contains("another file than the store one has"));
}
