//! The book as a whole: its list of pages is complete, and no link of a page leads nowhere.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Component, Path, PathBuf};

use super::page::{Page, root};

/// The files of the repository that the book does not have.
const REPOSITORY: &str = "https://github.com/hardcap/hardcap/blob/main/";

/// Every page of Markdown below `docs`, as its path from the root of the repository.
pub(crate) fn pages() -> Vec<String> {
    let mut pages = Vec::new();
    let mut folders = vec![root().join("docs")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                pages.push(path.strip_prefix(root()).unwrap().to_str().unwrap().to_owned());
            }
        }
    }
    pages.sort();
    assert!(pages.len() > 30, "{pages:?}");
    pages
}

/// Where a link of a page leads, without `..`.
fn target(page: &str, link: &str) -> PathBuf {
    let mut path = Path::new(page).parent().expect("a page lies in a folder").to_owned();
    for part in Path::new(link).components() {
        match part {
            Component::ParentDir => {
                path.pop();
            }
            Component::Normal(name) => path.push(name),
            _ => {}
        }
    }
    path
}

#[test]
fn the_summary_lists_every_page_once_and_no_other() {
    let summary = Page::read("docs/SUMMARY.md");
    let mut listed: Vec<String> =
        summary.links.iter().map(|(_, link)| format!("docs/{link}")).collect();
    listed.sort();
    let there: Vec<String> = pages().into_iter().filter(|page| page != "docs/SUMMARY.md").collect();
    assert_eq!(listed, there);
}

#[test]
fn every_relative_link_and_anchor_of_the_pages_resolves() {
    let mut read: HashMap<String, Page> = HashMap::new();
    let outside =
        ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"];
    let all: Vec<String> = pages().into_iter().chain(outside.map(str::to_owned)).collect();
    for path in &all {
        read.insert(path.clone(), Page::read(path));
    }
    let (mut faults, mut links) = (String::new(), 0);
    for (path, page) in &read {
        for (line, link) in &page.links {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let file = match file.strip_prefix(REPOSITORY) {
                Some(file) => PathBuf::from(file),
                None if file.contains("://") => continue,
                None if file.is_empty() => PathBuf::from(path),
                None => target(path, file),
            };
            links += 1;
            if path.starts_with("docs/") && !link.starts_with("https:") && !file.starts_with("docs")
            {
                let _ = writeln!(
                    faults,
                    "{path}:{line}: {link}: the book does not have it; link {REPOSITORY}…"
                );
            }
            if !root().join(&file).exists() {
                let _ =
                    writeln!(faults, "{path}:{line}: {link}: {} does not exist", file.display());
            }
            let page = read.get(file.to_str().unwrap());
            if !anchor.is_empty() && page.is_none_or(|page| !page.anchors.contains(anchor)) {
                let _ = writeln!(faults, "{path}:{line}: {link}: no heading has this anchor");
            }
        }
    }
    assert!(faults.is_empty(), "links that lead nowhere:\n{faults}");
    assert!(links > 100, "{links} links");
}
