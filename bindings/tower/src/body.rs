//! The body of a request: as it came, or with the part in front that the decision was made by.

use std::fmt::{self, Debug, Formatter};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use http::HeaderMap;
use http_body::{Body, Frame, SizeHint};
use pin_project_lite::pin_project;

pin_project! {
    /// The body of a request that the inner service gets: the bytes that the decision was made by, and what follows them.
    ///
    /// A policy that asks nothing of the body leaves it untouched.
    pub struct RequestBody<B>
    where
        B: Body,
    {
        read: BytesMut,
        trailers: Option<HeaderMap>,
        failure: Option<B::Error>,
        #[pin]
        rest: B,
        has_ended: bool,
    }
}

impl<B: Body> Debug for RequestBody<B> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("RequestBody").field("read", &self.read.len()).finish_non_exhaustive()
    }
}

/// How the reading of a body came out.
pub(crate) enum Read {
    /// All of it was read, or `feed` wanted no more.
    Whole,
    /// The client did not send the rest.
    Broken,
}

impl<B: Body<Data = Bytes>> RequestBody<B> {
    /// `body` as it is.
    pub(crate) fn new(body: B) -> Self {
        Self { read: BytesMut::new(), trailers: None, failure: None, rest: body, has_ended: false }
    }

    /// Reads the body to its end, and keeps it for the inner service; `feed` takes each chunk and may end it. Keeps no more than `feed` takes and the
    /// chunk by which it ends.
    pub(crate) async fn read(&mut self, mut feed: impl FnMut(&[u8]) -> bool) -> Read
    where
        B: Unpin,
    {
        loop {
            let frame = std::future::poll_fn(|context| Pin::new(&mut self.rest).poll_frame(context)).await;
            let Some(frame) = frame else {
                self.has_ended = true;
                return Read::Whole;
            };
            let frame = match frame {
                Ok(frame) => frame,
                Err(failure) => {
                    (self.failure, self.has_ended) = (Some(failure), true);
                    return Read::Broken;
                }
            };
            match frame.into_data().map_err(Frame::into_trailers) {
                Ok(chunk) => {
                    self.read.extend_from_slice(&chunk);
                    if !feed(&chunk) {
                        return Read::Whole;
                    }
                }
                // RFC 9110 §6.5: trailer fields come after the content, so nothing follows.
                Err(Ok(trailers)) => {
                    (self.trailers, self.has_ended) = (Some(trailers), true);
                    return Read::Whole;
                }
                // A frame of another kind, which `http-body` has none of.
                Err(Err(_)) => {}
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
        if !this.read.is_empty() {
            return Poll::Ready(Some(Ok(Frame::data(this.read.split().freeze()))));
        }
        if let Some(failure) = this.failure.take() {
            return Poll::Ready(Some(Err(failure)));
        }
        if let Some(trailers) = this.trailers.take() {
            return Poll::Ready(Some(Ok(Frame::trailers(trailers))));
        }
        if *this.has_ended {
            return Poll::Ready(None);
        }
        let frame = ready!(this.rest.poll_frame(context));
        *this.has_ended = frame.is_none();
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        let is_used = self.read.is_empty() && self.failure.is_none() && self.trailers.is_none();
        is_used && (self.has_ended || self.rest.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        let rest = if self.has_ended { SizeHint::with_exact(0) } else { self.rest.size_hint() };
        let read = u64::try_from(self.read.len()).unwrap_or(u64::MAX);
        let mut hint = SizeHint::new();
        hint.set_lower(rest.lower().saturating_add(read));
        if let Some(upper) = rest.upper().and_then(|upper| upper.checked_add(read)) {
            hint.set_upper(upper);
        }
        hint
    }
}
