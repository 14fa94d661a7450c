//! Builds the pages of `web/` and writes down what is in them.
//!
//! Without npm, or where building fails, the crate builds all the same: it then holds one page that says
//! what is missing, and the build says so too. `web/dist` is used as it is if it is newer than its
//! sources, so whoever has it needs no npm.

use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::SystemTime;

/// What the pages are made from, in `web/`.
const SOURCES: [&str; 8] = [
    "src",
    "demos",
    "dashboard",
    "public",
    "index.html",
    "package-lock.json",
    "vite.config.ts",
    "tsconfig.json",
];

fn main() -> Result<(), Box<dyn Error>> {
    let out = PathBuf::from(std::env::var("OUT_DIR")?);
    let web = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR")?).join("../../web");
    println!("cargo::rerun-if-changed=build.rs");
    let mut files = Vec::new();
    let missing = match build(&web) {
        Ok(()) => {
            collect(&web.join("dist"), "", &mut files)?;
            files.sort();
            String::new()
        }
        Err(missing) => {
            println!("cargo::warning=the dashboard and the demos are left out: {missing}");
            missing
        }
    };
    let mut code = format!("const MISSING: &str = {missing:?};\n");
    writeln!(code, "const NOT_BUILT: &str = {:?};", page_about(&missing))?;
    code.push_str("const FILES: &[File] = &[\n");
    let copies = out.join("files");
    // What an earlier build copied and this one lacks would stay for ever.
    let _ = fs::remove_dir_all(&copies);
    fs::create_dir_all(&copies)?;
    for (index, path) in files.iter().enumerate() {
        let bytes = fs::read(web.join("dist").join(path))?;
        let copy = copies.join(index.to_string());
        fs::write(&copy, &bytes)?;
        writeln!(
            code,
            "    File {{ path: {path:?}, etag: \"\\\"{:016x}\\\"\", bytes: include_bytes!({:?}) }},",
            fnv(&bytes),
            copy.display().to_string(),
        )?;
    }
    code.push_str("];\n");
    fs::write(out.join("files.rs"), code)?;
    Ok(())
}

/// Brings `web/dist` up to date, or says in words for people why that cannot be.
fn build(web: &Path) -> Result<(), String> {
    if !web.is_dir() {
        return Err(
            "this is not a checkout of the repository, so there is no folder web/".to_owned()
        );
    }
    let mut newest = SystemTime::UNIX_EPOCH;
    for source in SOURCES {
        let source = web.join(source);
        println!("cargo::rerun-if-changed={}", source.display());
        newest = newest.max(changed(&source));
    }
    let dist = web.join("dist/index.html");
    // Whoever deletes or builds it by hand means it.
    println!("cargo::rerun-if-changed={}", dist.display());
    if dist.is_file() && changed(&dist) >= newest {
        return Ok(());
    }
    // npm writes this file last, so what it says is installed is.
    let installed = web.join("node_modules/.package-lock.json");
    if !installed.is_file() || changed(&installed) < changed(&web.join("package-lock.json")) {
        npm(web, &["ci", "--no-audit", "--no-fund", "--loglevel=error"])?;
    }
    npm(web, &["run", "--silent", "build"])
}

fn npm(web: &Path, arguments: &[&str]) -> Result<(), String> {
    let name = if cfg!(windows) { "npm.cmd" } else { "npm" };
    let command = format!("npm {}", arguments.join(" "));
    match Command::new(name).args(arguments).current_dir(web).output() {
        Ok(output) if output.status.success() => Ok(()),
        Ok(output) => {
            let said = String::from_utf8_lossy(&output.stderr);
            // The last lines name the cause; all of it would bury what cargo says.
            let said: Vec<_> =
                said.lines().rev().filter(|line| !line.trim().is_empty()).take(3).collect();
            let said: Vec<_> = said.into_iter().rev().collect();
            Err(format!("`{command}` in web/ failed: {}", said.join(" / ")))
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Err("npm is not installed; with Node.js 20.19 or later, build again".to_owned())
        }
        Err(error) => Err(format!("`{command}` in web/ did not start: {error}")),
    }
}

/// The page that stands in for all others where they could not be built.
fn page_about(missing: &str) -> String {
    let missing = missing.replace('&', "&amp;").replace('<', "&lt;");
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <meta name=\"color-scheme\" content=\"light dark\">\n<title>Trunkline</title>\n\
         <h1>This Trunkline was built without its pages</h1>\n<p>{missing}</p>\n\
         <p>The server itself is complete: WebSockets and the HTTP API work.</p>\n\
         <p>For the dashboard and the demos, install Node.js 20.19 or later, which brings npm, and run \
         <code>cargo build --release -p trunkline-cli</code> again in a checkout of the repository.</p>\n</html>\n"
    )
}

/// When a file, or the newest file in a folder, was changed.
fn changed(path: &Path) -> SystemTime {
    let own = fs::metadata(path).and_then(|it| it.modified()).unwrap_or(SystemTime::UNIX_EPOCH);
    let Ok(entries) = fs::read_dir(path) else { return own };
    entries.flatten().map(|entry| changed(&entry.path())).fold(own, SystemTime::max)
}

/// The paths of all files below `folder`, with `/` between their parts.
fn collect(folder: &Path, prefix: &str, files: &mut Vec<String>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{prefix}{name}/"), files)?;
        } else {
            files.push(format!("{prefix}{name}"));
        }
    }
    Ok(())
}

/// FNV-1a: tells versions of a file apart, which nobody forges.
fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
