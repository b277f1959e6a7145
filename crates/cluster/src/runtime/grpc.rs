//! gRPC over a unix socket: the calls of containerd and CRI, with the messages written by hand.
//!
//! Only the fields used are declared; prost skips the rest. Answers are bounded by [`MAX_ANSWER`].

use super::SourceError;
use hyper_util::rt::TokioIo;
use std::{path::PathBuf, time::Duration};
use tokio::net::UnixStream;
use tonic::{
    Request, Streaming,
    codegen::http::uri::PathAndQuery,
    metadata::MetadataValue,
    transport::{Channel, Endpoint, Uri},
};
use tonic_prost::ProstCodec;

const MAX_ANSWER: usize = 32 << 20;
const TIMEOUT: Duration = Duration::from_secs(10);

/// One connection; calls run side by side on it.
#[derive(Clone, Debug)]
pub(crate) struct Grpc {
    channel: Channel,
}

impl Grpc {
    pub(crate) async fn connect(socket: PathBuf) -> Result<Self, SourceError> {
        // Dialled once by hand: the transport's own error does not say what failed.
        drop(
            UnixStream::connect(&socket)
                .await
                .map_err(SourceError::Connect)?,
        );
        let dial = tower::service_fn(move |_: Uri| {
            let socket = socket.clone();
            async move { UnixStream::connect(socket).await.map(TokioIo::new) }
        });
        let channel = Endpoint::from_static("http://localhost")
            .connect_timeout(TIMEOUT)
            .connect_with_connector(dial)
            .await
            .map_err(|e| SourceError::Connect(std::io::Error::other(e)))?;
        Ok(Self { channel })
    }

    /// One request, one answer. `namespace` is containerd's; empty for none.
    pub(crate) async fn call<Q, A>(
        &self,
        path: &'static str,
        namespace: &str,
        request: Q,
    ) -> Result<A, SourceError>
    where
        Q: prost::Message + Send + Sync + 'static,
        A: prost::Message + Default + Send + Sync + 'static,
    {
        let mut client = self.ready().await?;
        let codec = ProstCodec::<Q, A>::default();
        let work = client.unary(
            prepare(request, namespace)?,
            PathAndQuery::from_static(path),
            codec,
        );
        let answer = tokio::time::timeout(TIMEOUT, work)
            .await
            .map_err(|_| SourceError::Timeout(TIMEOUT))?
            .map_err(|status| SourceError::Rpc(Box::new(status)))?;
        Ok(answer.into_inner())
    }

    /// One request, answers until the connection ends.
    pub(crate) async fn stream<Q, A>(
        &self,
        path: &'static str,
        request: Q,
    ) -> Result<Streaming<A>, SourceError>
    where
        Q: prost::Message + Send + Sync + 'static,
        A: prost::Message + Default + Send + Sync + 'static,
    {
        let mut client = self.ready().await?;
        let codec = ProstCodec::<Q, A>::default();
        client
            .server_streaming(
                prepare(request, "")?,
                PathAndQuery::from_static(path),
                codec,
            )
            .await
            .map(tonic::Response::into_inner)
            .map_err(|status| SourceError::Rpc(Box::new(status)))
    }

    async fn ready(&self) -> Result<tonic::client::Grpc<Channel>, SourceError> {
        let mut client =
            tonic::client::Grpc::new(self.channel.clone()).max_decoding_message_size(MAX_ANSWER);
        client
            .ready()
            .await
            .map_err(|e| SourceError::Connect(std::io::Error::other(e)))?;
        Ok(client)
    }
}

fn prepare<Q>(message: Q, namespace: &str) -> Result<Request<Q>, SourceError> {
    let mut request = Request::new(message);
    if !namespace.is_empty() {
        let value = MetadataValue::try_from(namespace)
            .map_err(|e| SourceError::Request(format!("namespace {namespace:?}: {e}")))?;
        request.metadata_mut().insert("containerd-namespace", value);
    }
    Ok(request)
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Empty {}

/// `google.protobuf.Timestamp`
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(crate) struct Time {
    #[prost(int64, tag = "1")]
    pub(crate) seconds: i64,
    #[prost(int32, tag = "2")]
    pub(crate) nanos: i32,
}

impl Time {
    pub(crate) fn to_model(self) -> rampart_model::Timestamp {
        let ms = self
            .seconds
            .saturating_mul(1000)
            .saturating_add(i64::from(self.nanos) / 1_000_000);
        rampart_model::Timestamp::from_ms(ms.max(0))
    }
}

/// `google.protobuf.Any`
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct Any {
    #[prost(string, tag = "1")]
    pub(crate) type_url: String,
    #[prost(bytes = "vec", tag = "2")]
    pub(crate) value: Vec<u8>,
}
