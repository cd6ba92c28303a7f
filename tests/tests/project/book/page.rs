//! A page of the book, read as Markdown: its headings, links and code blocks, and what the comments before the blocks ask for.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use pulldown_cmark::{CodeBlockKind, Event, Options, Parser, Tag, TagEnd};

/// A page with everything in it that a test looks at.
#[derive(Debug, Default)]
pub(crate) struct Page {
    /// The path from the root of the repository.
    pub(crate) path: String,
    /// The ids that its headings have, on GitHub and in the book.
    pub(crate) anchors: HashSet<String>,
    /// Where its links and pictures lead, with their lines.
    pub(crate) links: Vec<(usize, String)>,
    pub(crate) fences: Vec<Fence>,
}

/// A code block.
#[derive(Debug)]
pub(crate) struct Fence {
    /// Counted from 1.
    pub(crate) line: usize,
    /// The word after the fence, such as `console`.
    pub(crate) language: String,
    pub(crate) text: String,
    pub(crate) wish: Wish,
}

/// What the comment before a code block asks for, one `word: value` a line.
#[derive(Debug, Default)]
pub(crate) struct Wish {
    /// `not run`: why the block is not executed.
    pub(crate) not_run: Option<String>,
    /// `file`: the name of the file of the project that the block is.
    pub(crate) file: Option<String>,
    /// `project`: what the folder holds in which the following blocks run.
    pub(crate) project: Option<String>,
    /// `setup`: commands that the reader does not see, one a line.
    pub(crate) setup: Vec<String>,
}

pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the workspace").to_owned()
}

impl Page {
    /// Reads a page of the repository.
    pub(crate) fn read(path: &str) -> Page {
        let text = std::fs::read_to_string(root().join(path))
            .unwrap_or_else(|error| panic!("{path}: {error}"));
        Page::parse(path, &text)
    }

    pub(crate) fn parse(path: &str, text: &str) -> Page {
        let mut page = Page { path: path.to_owned(), ..Page::default() };
        let line_of = |at: usize| text[..at].matches('\n').count() + 1;
        let (mut heading, mut fence) = (None::<String>, None::<Fence>);
        let (mut comment, mut ids) = (String::new(), HashMap::new());
        let options = Options::ENABLE_TABLES;
        for (event, range) in Parser::new_ext(text, options).into_offset_iter() {
            match event {
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    page.anchors.insert(anchor(&heading.take().unwrap_or_default(), &mut ids));
                }
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    page.links.push((line_of(range.start), dest_url.into_string()));
                }
                Event::Start(Tag::CodeBlock(kind)) => {
                    let language = match kind {
                        CodeBlockKind::Fenced(info) => info.into_string(),
                        CodeBlockKind::Indented => String::new(),
                    };
                    let wish = Wish::parse(&std::mem::take(&mut comment));
                    let wish = wish.unwrap_or_else(|word| {
                        panic!("{path}:{}: a comment asks for `{word}`", line_of(range.start))
                    });
                    let line = line_of(range.start);
                    fence = Some(Fence { line, language, text: String::new(), wish });
                }
                Event::End(TagEnd::CodeBlock) => page.fences.extend(fence.take()),
                Event::Text(text) | Event::Code(text) => {
                    if let Some(fence) = &mut fence {
                        fence.text.push_str(&text);
                    } else if let Some(heading) = &mut heading {
                        heading.push_str(&text);
                    }
                }
                Event::Html(html) => comment.push_str(&html),
                // A comment is for the block that follows it immediately.
                Event::Start(Tag::Paragraph) => comment.clear(),
                _ => {}
            }
        }
        page
    }
}

impl Wish {
    /// Reads `<!-- word: value -->`; the words after `setup:` are commands, one a line. Gives a word that has no meaning.
    fn parse(comment: &str) -> Result<Wish, String> {
        let mut wish = Wish::default();
        let inner = comment.replace("<!--", "\n").replace("-->", "\nend of comment\n");
        let mut in_setup = false;
        for line in inner.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (word, value) = line.split_once(": ").unwrap_or((line.trim_end_matches(':'), ""));
            let value = value.trim().to_owned();
            match word {
                "end of comment" => in_setup = false,
                _ if in_setup => wish.setup.push(line.to_owned()),
                "not run" if !value.is_empty() => wish.not_run = Some(value),
                "file" if !value.is_empty() => wish.file = Some(value),
                "project" if !value.is_empty() => wish.project = Some(value),
                "setup" => in_setup = true,
                word => return Err(word.to_owned()),
            }
        }
        Ok(wish)
    }
}

/// The id of a heading: its letters and digits in lower case, with a hyphen for each space, and a number where it is there
/// already.
fn anchor(heading: &str, ids: &mut HashMap<String, usize>) -> String {
    let kept = heading.trim().chars().filter_map(|c| match c {
        ' ' => Some('-'),
        c if c.is_alphanumeric() || c == '-' || c == '_' => Some(c),
        _ => None,
    });
    let id = kept.collect::<String>().to_lowercase();
    let count = ids.entry(id.clone()).or_insert(0_usize);
    *count += 1;
    if *count == 1 { id } else { format!("{id}-{}", *count - 1) }
}

#[test]
fn a_page_is_read_with_its_links_anchors_blocks_and_wishes() {
    let text = "# `a b`: c\n\n[x](y.md#z)\n\n<!-- project: sample\nsetup:\necho a: b -->\n\n```console\n$ a\nb\n```\n\n## d\n\n## d\n\n<!-- file: x.toml -->\n\nNo.\n\n```toml\na = 1\n```\n";
    let page = Page::parse("p.md", text);
    assert_eq!(page.links, [(3, "y.md#z".to_owned())]);
    let mut anchors: Vec<_> = page.anchors.iter().map(String::as_str).collect();
    anchors.sort_unstable();
    assert_eq!(anchors, ["a-b-c", "d", "d-1"]);
    let [first, second] = &page.fences[..] else { panic!("{page:?}") };
    assert_eq!(
        (first.line, first.language.as_str(), first.text.as_str()),
        (9, "console", "$ a\nb\n")
    );
    assert_eq!(first.wish.project.as_deref(), Some("sample"));
    assert_eq!(first.wish.setup, ["echo a: b"]);
    assert_eq!(
        second.wish.file, None,
        "a comment before a paragraph is not for the block after it"
    );
}
