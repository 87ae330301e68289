//! The body of a request: as it came, or with the part in front that the decision was made by.

use std::collections::VecDeque;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

pin_project! {
    /// The body of a request that the inner service gets: the frames that the decision was made by, unchanged, and what follows them.
    ///
    /// A policy that asks nothing of the body leaves it untouched.
    #[derive(Debug)]
    pub struct RequestBody<B> {
        read: VecDeque<Frame<Bytes>>,
        #[pin]
        rest: B,
        has_ended: bool,
    }
}

impl<B> RequestBody<B> {
    /// `body` as it is.
    pub(crate) const fn new(body: B) -> Self {
        Self { read: VecDeque::new(), rest: body, has_ended: false }
    }
}

/// How the reading of a body came out.
pub(crate) enum Read {
    /// All of it was read, or `feed` wanted no more.
    Whole,
    /// The client did not send the rest.
    Broken,
}

impl<B: Body<Data = Bytes> + Unpin> RequestBody<B> {
    /// Reads the body to its end, and keeps its frames for the inner service; `feed` takes each chunk and may end it.
    pub(crate) async fn read(&mut self, mut feed: impl FnMut(&[u8]) -> bool) -> Read {
        loop {
            let frame = std::future::poll_fn(|context| Pin::new(&mut self.rest).poll_frame(context)).await;
            match frame {
                None => {
                    self.has_ended = true;
                    return Read::Whole;
                }
                Some(Err(_)) => return Read::Broken,
                Some(Ok(frame)) => {
                    let goes_on = frame.data_ref().is_none_or(|chunk| feed(chunk));
                    self.read.push_back(frame);
                    if !goes_on {
                        return Read::Whole;
                    }
                }
            }
        }
    }
}

impl<B: Body<Data = Bytes>> Body for RequestBody<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Self::Data>, Self::Error>>> {
        let this = self.project();
        if let Some(frame) = this.read.pop_front() {
            return Poll::Ready(Some(Ok(frame)));
        }
        if *this.has_ended {
            return Poll::Ready(None);
        }
        let frame = ready!(this.rest.poll_frame(context));
        *this.has_ended = frame.is_none();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.read.is_empty() && (self.has_ended || self.rest.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        let rest = if self.has_ended { SizeHint::with_exact(0) } else { self.rest.size_hint() };
        let chunks = self.read.iter().filter_map(Frame::data_ref);
        let read = chunks.fold(0, |sum: u64, chunk| sum.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX)));
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(read));
        if let Some(upper) = rest.upper().and_then(|upper| upper.checked_add(read)) {
            hint.set_upper(upper);
        }
        hint
    }
}
