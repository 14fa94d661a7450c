//! [`Scope`]: the span that something happens in.

use std::future::Future;

/// A span of `tracing`, or nothing.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    #[cfg(feature = "tracing")]
    pub(super) span: tracing::Span,
}

#[cfg(feature = "tracing")]
impl From<tracing::Span> for Scope {
    fn from(span: tracing::Span) -> Self {
        Self { span }
    }
}

impl Scope {
    /// Nowhere in particular.
    #[cfg(test)]
    pub(crate) fn none() -> Self {
        Self {
            #[cfg(feature = "tracing")]
            span: tracing::Span::none(),
        }
    }

    /// Runs `future` in here.
    pub(crate) fn run<F: Future>(&self, future: F) -> impl Future<Output = F::Output> + use<F> {
        #[cfg(feature = "tracing")]
        let future = tracing::Instrument::instrument(future, self.span.clone());
        future
    }
}
