//! The response to a request that passed, was refused, or waits.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::Response;
use pin_project_lite::pin_project;

use crate::decider::{HeaderFieldsOfAnswer, add_to};

type Boxed<R, E> = Pin<Box<dyn Future<Output = Result<Response<R>, E>> + Send>>;

pin_project! {
    /// The future of a [`CountersignService`](crate::CountersignService). One that is dropped gives its decision up.
    pub struct ResponseFuture<F, R, E> {
        #[pin]
        state: State<F, R, E>,
    }
}

pin_project! {
    #[project = Projected]
    enum State<F, R, E> {
        Passed { #[pin] inner: F, fields: HeaderFieldsOfAnswer },
        Refused { response: Option<Response<R>> },
        Waiting { future: Boxed<R, E> },
    }
}

impl<F, R, E> ResponseFuture<F, R, E> {
    pub(crate) const fn passed(inner: F, fields: HeaderFieldsOfAnswer) -> Self {
        Self { state: State::Passed { inner, fields } }
    }

    pub(crate) const fn refused(response: Response<R>) -> Self {
        Self { state: State::Refused { response: Some(response) } }
    }

    pub(crate) const fn waiting(future: Boxed<R, E>) -> Self {
        Self { state: State::Waiting { future } }
    }
}

impl<F, R, E> std::fmt::Debug for ResponseFuture<F, R, E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ResponseFuture").finish_non_exhaustive()
    }
}

impl<F: Future<Output = Result<Response<R>, E>>, R, E> Future for ResponseFuture<F, R, E> {
    type Output = Result<Response<R>, E>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.project().state.project() {
            Projected::Passed { inner, fields } => {
                let mut response = ready!(inner.poll(context))?;
                add_to(&mut response, std::mem::take(fields));
                Poll::Ready(Ok(response))
            }
            // A future that has ended is not polled; one that is polled all the same never ends again.
            Projected::Refused { response } => {
                response.take().map_or(Poll::Pending, |response| Poll::Ready(Ok(response)))
            }
            Projected::Waiting { future } => future.as_mut().poll(context),
        }
    }
}
