//! What every client has, whichever services it asks.

/// Gives a client with a field `transport` its construction, its general call, and its end.
macro_rules! client {
    ($client:ident) => {
        impl $client {
            /// A client for this endpoint.
            ///
            /// # Errors
            /// When certificates do not fit.
            pub fn new(
                provider: &$crate::Provider,
                options: &$crate::ClientOptions,
            ) -> Result<Self, $crate::ClientError> {
                Ok(Self { transport: $crate::transport::Transport::new(provider, options)? })
            }

            /// The endpoint, for messages.
            #[must_use]
            pub fn endpoint(&self) -> &str {
                self.transport.endpoint()
            }

            /// Any method of the table, for those without a method of their own here.
            ///
            /// # Errors
            /// [`ClientError`](crate::ClientError) of the transport, or the node's answer.
            pub async fn call<C: kwil_api::Call>(
                &self,
                request: C::Request,
            ) -> Result<C::Response, $crate::ClientError>
            where
                C::Request: Clone,
            {
                self.transport.call::<C>(request, self.transport.timeout()).await
            }

            /// Says goodbye; a command that ends should.
            pub async fn close(&self) {
                self.transport.close().await;
            }
        }
    };
}

pub(crate) use client;

/// Added to the wait for a block, for the way there and back.
pub(crate) const WAY: std::time::Duration = std::time::Duration::from_secs(5);
