//! The development key: generated at the first start and kept, so that tokens outlive a restart and
//! `fanfare token` in another terminal signs with the same one.

use std::{
    fs, io,
    io::Write,
    path::{Path, PathBuf},
};

use rand::TryRngCore;

use crate::access::Secret;

const FILE: &str = "development.key";

/// What to do when there is no development key yet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MissingKey {
    /// Make one: for the server.
    Make,
    /// Refuse: a tool that made one would sign what no server believes.
    Refuse,
}

/// Why there is no development key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    #[error(
        "cannot {act} the development key {}: {cause} (choose another folder with FANFARE_DATA_DIR, or set FANFARE_JWT_SECRET)",
        path.display()
    )]
    File { act: &'static str, path: PathBuf, cause: io::Error },
    #[error(
        "there is no key in {}: run this where the server was started, after its first start, or set \
         FANFARE_DATA_DIR or FANFARE_JWT_SECRET as it has them",
        folder.display()
    )]
    Missing { folder: PathBuf },
}

/// The key in `folder`. Only its owner can read the file.
///
/// # Errors
/// When the folder or the file cannot be made or read, or is missing and must not be made.
pub fn development_key(folder: &Path, missing: MissingKey) -> Result<Secret, KeyError> {
    let path = folder.join(FILE);
    let failed = |act| {
        let path = path.clone();
        move |cause| KeyError::File { act, path, cause }
    };
    match fs::read_to_string(&path) {
        Ok(text) if text.trim().len() >= 32 => return Ok(Secret::new(text.trim())),
        Ok(_) => {
            let cause = io::Error::other("it is shorter than 32 bytes; delete it and a new one is made");
            return Err(failed("use")(cause));
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(failed("read")(error)),
    }
    if missing == MissingKey::Refuse {
        return Err(KeyError::Missing { folder: folder.to_owned() });
    }
    fs::create_dir_all(folder).map_err(failed("make the folder of"))?;
    write_new(folder, &path).map_err(failed("write"))?;
    fs::read_to_string(&path).map(|text| Secret::new(text.trim())).map_err(failed("read"))
}

/// Writes the file whole or not at all; when another process was faster, its key stays.
fn write_new(folder: &Path, path: &Path) -> io::Result<()> {
    let mut bytes = [0_u8; 32];
    rand::rngs::OsRng.try_fill_bytes(&mut bytes).map_err(io::Error::other)?;
    let text: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();

    let draft = folder.join(format!(".{FILE}.{}", std::process::id()));
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    let mut file = options.open(&draft)?;
    writeln!(file, "{text}")?;
    file.sync_all()?;
    let linked = fs::hard_link(&draft, path);
    fs::remove_file(&draft)?;
    match linked {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_stays_the_same_and_is_its_owners_alone() {
        let folder = tempfile::tempdir().unwrap();
        let data = folder.path().join("a/b");
        let refused = development_key(&data, MissingKey::Refuse).unwrap_err().to_string();
        assert!(refused.contains("where the server was started") && !data.exists(), "{refused}");
        let first = development_key(&data, MissingKey::Make).unwrap();
        assert!(development_key(&data, MissingKey::Refuse).unwrap() == first);
        assert_eq!(first.len(), 64);
        assert!(development_key(&data, MissingKey::Make).unwrap() == first);
        assert!(development_key(&folder.path().join("c"), MissingKey::Make).unwrap() != first);
        #[cfg(unix)]
        {
            let mode =
                std::os::unix::fs::PermissionsExt::mode(&data.join(FILE).metadata().unwrap().permissions());
            assert_eq!(mode & 0o777, 0o600);
        }
        assert_eq!(fs::read_dir(&data).unwrap().count(), 1, "the draft is gone");
    }

    #[test]
    fn a_process_that_was_slower_takes_the_others_key() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join(FILE);
        write_new(folder.path(), &path).unwrap();
        let first = fs::read_to_string(&path).unwrap();
        write_new(folder.path(), &path).unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), first);
    }

    #[test]
    fn what_cannot_work_is_told_with_the_way_out() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), "short").unwrap();
        let told = development_key(folder.path(), MissingKey::Make).unwrap_err().to_string();
        assert!(told.contains("delete it"), "{told}");
        let file = folder.path().join("file");
        fs::write(&file, "").unwrap();
        let told = development_key(&file.join("data"), MissingKey::Make).unwrap_err().to_string();
        assert!(told.contains("FANFARE_DATA_DIR"), "{told}");
    }
}
