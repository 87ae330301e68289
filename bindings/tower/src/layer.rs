//! The layer and its service.

use std::fmt::{self, Debug, Formatter};
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{Request, Response};
use http_body::Body;
use tower_layer::Layer;
use tower_service::Service;

use crate::body::RequestBody;
use crate::decider::{Decider, Progress, Verdict, add_to};
use crate::engine::EngineHandle;
use crate::future::ResponseFuture;

/// Decides each request before the inner service gets it. Clones share everything.
#[derive(Clone)]
pub struct CountersignLayer {
    pub(crate) decider: Arc<Decider>,
}

impl CountersignLayer {
    /// The engine: its counters, and where keys and revocations are pushed to.
    #[must_use]
    pub fn engine(&self) -> &EngineHandle {
        &self.decider.engine
    }
}

impl Debug for CountersignLayer {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("CountersignLayer").finish_non_exhaustive()
    }
}

impl<S> Layer<S> for CountersignLayer {
    type Service = CountersignService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        CountersignService { decider: Arc::clone(&self.decider), inner }
    }
}

/// The service that a [`CountersignLayer`] makes.
#[derive(Clone)]
pub struct CountersignService<S> {
    decider: Arc<Decider>,
    inner: S,
}

impl<S: Debug> Debug for CountersignService<S> {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.debug_struct("CountersignService").field("inner", &self.inner).finish_non_exhaustive()
    }
}

impl<S, B, R> Service<Request<B>> for CountersignService<S>
where
    S: Service<Request<RequestBody<B>>, Response = Response<R>> + Clone + Send + 'static,
    S::Future: Send,
    B: Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Send,
    R: Default,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = ResponseFuture<S::Future, R, S::Error>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let (mut parts, body) = request.into_parts();
        let mut body = RequestBody::new(body);
        let waiting = match self.decider.begin(&mut parts) {
            Progress::Done(Verdict::Pass(fields)) => {
                return ResponseFuture::passed(self.inner.call(Request::from_parts(parts, body)), fields);
            }
            Progress::Done(Verdict::Refuse(refusal)) => return ResponseFuture::refused(refusal.into_response()),
            Progress::Waits(waiting) => waiting,
        };
        // The service that is ready goes with the request, and its clone stays.
        let clone = self.inner.clone();
        let mut ready = std::mem::replace(&mut self.inner, clone);
        ResponseFuture::waiting(Box::pin(async move {
            match waiting.answered(&mut parts, &mut body).await {
                Verdict::Refuse(refusal) => Ok(refusal.into_response()),
                Verdict::Pass(fields) => {
                    let mut response = ready.call(Request::from_parts(parts, body)).await?;
                    add_to(&mut response, fields);
                    Ok(response)
                }
            }
        }))
    }
}
