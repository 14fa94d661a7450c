//! A rule, and what was found out about it.

use std::pin::Pin;
use std::sync::Arc;

use super::probe::Probe;
use super::wire::Fate;

/// How a server keeps a rule.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Verdict {
    Ok,
    Untested,
    Deviation,
    Violation,
}

impl Verdict {
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Untested => "untested",
            Self::Deviation => "deviation",
            Self::Violation => "violation",
        }
    }
}

/// What was found out, in a few words that may hold something the server said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Finding {
    pub(super) verdict: Verdict,
    pub(super) note: String,
}

impl Finding {
    pub(super) fn new(verdict: Verdict, note: impl Into<String>) -> Self {
        Self { verdict, note: note.into() }
    }

    pub(super) fn ok() -> Self {
        Self::new(Verdict::Ok, "")
    }

    pub(super) fn untested(why: impl Into<String>) -> Self {
        Self::new(Verdict::Untested, why)
    }

    pub(super) fn deviation(note: impl Into<String>) -> Self {
        Self::new(Verdict::Deviation, note)
    }

    pub(super) fn violation(note: impl Into<String>) -> Self {
        Self::new(Verdict::Violation, note)
    }

    /// The same, with the variant of the question in front.
    pub(super) fn of(mut self, variant: &str) -> Self {
        if !variant.is_empty() && !self.note.is_empty() {
            self.note = format!("{variant}: {}", self.note);
        }
        self
    }

    /// Of the variants of a question the worst answer counts, and of equal ones the first.
    pub(super) fn worst(self, other: Self) -> Self {
        if other.verdict > self.verdict { other } else { self }
    }
}

/// A finding, or one that came before the question could be asked to its end.
pub(super) type Found = Result<Finding, Finding>;

/// A question that is being asked.
pub(super) type Asked = Pin<Box<dyn Future<Output = Found> + Send>>;

/// One thing that an RFC asks of a server.
pub(super) struct Rule {
    pub(super) id: &'static str,
    /// Which RFC, and where in it.
    pub(super) section: &'static str,
    /// What a server should do.
    pub(super) title: &'static str,
    pub(super) question: Question,
}

/// Bytes for the server, with a word that tells them from others of the same question.
pub(super) type Variants = Vec<(String, Vec<u8>)>;

pub(super) enum Question {
    /// Each of these, sent on a connection of its own, has to end it with one of the codes.
    Fails {
        send: fn() -> Variants,
        codes: &'static [u16],
        /// What it is if the server goes on as if nothing had been.
        or: Verdict,
    },
    /// Everything else.
    Ask(fn(Arc<Probe>) -> Asked),
}

impl Rule {
    pub(super) async fn ask(&self, probe: &Arc<Probe>) -> Finding {
        let found = match self.question {
            Question::Fails { send, codes, or } => ask_to_fail(probe, &send(), codes, or).await,
            Question::Ask(ask) => ask(Arc::clone(probe)).await,
        };
        found.unwrap_or_else(|finding| finding)
    }
}

async fn ask_to_fail(
    probe: &Probe,
    variants: &[(String, Vec<u8>)],
    codes: &[u16],
    or: Verdict,
) -> Found {
    let mut worst = Finding::ok();
    for (variant, bytes) in variants {
        let mut wire = probe.open().await?;
        let fate = wire.fate_after(bytes).await;
        worst = worst.worst(judge(&fate, codes, or).of(variant));
    }
    Ok(worst)
}

/// Whether a connection ended as it had to.
pub(super) fn judge(fate: &Fate, codes: &[u16], or: Verdict) -> Finding {
    match fate {
        Fate::Closed(Some(code), _) if codes.contains(code) => Finding::ok(),
        Fate::Closed(code, _) => {
            let with = code.map_or("without a code".into(), |code| format!("with {code}"));
            let wanted: Vec<_> = codes.iter().map(u16::to_string).collect();
            Finding::deviation(format!("closed {with} instead of {}", wanted.join(" or ")))
        }
        Fate::Cut => Finding::deviation("cut off without a close frame"),
        Fate::WentOn => Finding::new(or, "went on as if nothing had been"),
        Fate::Silent => Finding::new(or, "neither closed nor answered a ping"),
        Fate::Broke(error) => {
            Finding::violation(format!("answered with a frame that breaks the rules: {error}"))
        }
    }
}

/// A rule that is asked by a function of its own.
macro_rules! rule {
    ($id:literal, $section:literal, $title:literal, $ask:path) => {
        $crate::check::rule::Rule {
            id: $id,
            section: $section,
            title: $title,
            question: $crate::check::rule::Question::Ask(|probe| {
                Box::pin(async move { $ask(&probe).await })
            }),
        }
    };
}

/// A rule that bytes are there to break.
macro_rules! fails {
    ($id:literal, $section:literal, $title:literal, $codes:expr, $send:path) => {
        fails!($id, $section, $title, $codes, $send, $crate::check::rule::Verdict::Violation)
    };
    ($id:literal, $section:literal, $title:literal, $codes:expr, $send:path, $or:expr) => {
        $crate::check::rule::Rule {
            id: $id,
            section: $section,
            title: $title,
            question: $crate::check::rule::Question::Fails { send: $send, codes: $codes, or: $or },
        }
    };
}

pub(super) use {fails, rule};
