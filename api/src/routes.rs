//! What surrounds every operation: unknown parameters are refused, errors become problem documents, and the answer carries its
//! route's template for metrics.
//!
//! This sits between the operations and the router (and not outside it) because the router turns errors into text: here they still
//! have their types, and the operation's own metadata says which parameters exist.

use std::{collections::HashMap, sync::Arc};

use poem::{Endpoint, EndpointExt, IntoResponse, Request, Response, endpoint::BoxEndpoint, http::Method};
use poem_openapi::{
    OpenApi,
    registry::{MetaApi, MetaOperation, MetaParamIn, Registry},
};

use crate::{middleware::RequestId, problem::Problem};

/// An API whose operations answer with problem documents.
pub(crate) struct Guarded<T>(pub T);

/// The template of the route that answered, as `/runs/{id}`.
#[derive(Clone, Debug)]
pub(crate) struct RouteTemplate(pub Arc<str>);

/// The query parameters an operation takes. Looked at once the caller is known: a stranger learns nothing about parameters.
#[derive(Clone, Debug)]
pub(crate) struct QueryNames(Arc<[String]>);

impl QueryNames {
    /// Refuses parameters that do not exist (a misspelt filter would silently filter nothing), that are there twice, or that hold
    /// a NUL, which Postgres has no text for.
    pub fn check(&self, request: &Request) -> Result<(), Problem> {
        let given: Vec<(String, String)> = request.params().map_err(|_| Problem::parameter("query", "it is not `name=value` pairs"))?;
        for (index, (name, value)) in given.iter().enumerate() {
            if !self.0.contains(name) {
                let known = if self.0.is_empty() { "there are none here".to_owned() } else { format!("there are {}", self.0.join(", ")) };
                return Err(Problem::parameter(&name.replace('\0', "\u{fffd}"), &format!("there is no such parameter; {known}")));
            }
            if given[..index].iter().any(|(earlier, _)| earlier == name) {
                return Err(Problem::parameter(name, "it is given twice"));
            }
            if value.contains('\0') {
                return Err(Problem::parameter(name, "it holds a NUL character"));
            }
        }
        Ok(())
    }
}

impl<T: OpenApi> OpenApi for Guarded<T> {
    fn meta() -> Vec<MetaApi> {
        T::meta()
    }

    fn register(registry: &mut Registry) {
        T::register(registry);
    }

    fn add_routes(self, table: &mut HashMap<String, HashMap<Method, BoxEndpoint<'static>>>) {
        let mut inner = HashMap::new();
        self.0.add_routes(&mut inner);
        let mut descriptions = describe::<T>();
        for (path, methods) in inner {
            for (method, endpoint) in methods {
                let (template, query) = descriptions
                    .remove(&(path.clone(), method.clone()))
                    .unwrap_or_else(|| (path.as_str().into(), QueryNames(Arc::new([]))));
                let guarded = GuardedEndpoint { endpoint, template, query };
                table.entry(path.clone()).or_default().insert(method, guarded.boxed());
            }
        }
    }
}

/// Template and query parameters of every operation, by the router's path and method.
fn describe<T: OpenApi>() -> HashMap<(String, Method), (Arc<str>, QueryNames)> {
    let mut out = HashMap::new();
    for path in T::meta().into_iter().flat_map(|api| api.paths) {
        for operation in path.operations {
            let query = query_names(&operation);
            out.insert((router_path(&path.path), operation.method), (path.path.as_str().into(), query));
        }
    }
    out
}

fn query_names(operation: &MetaOperation) -> QueryNames {
    let query = operation.params.iter().filter(|param| param.in_type == MetaParamIn::Query);
    QueryNames(query.map(|param| param.name.clone()).collect())
}

/// `/runs/{id}/events` as poem-openapi gives it to the router: `/runs/:param0/events`.
fn router_path(template: &str) -> String {
    let mut params = 0;
    let parts = template.split('/').map(|part| {
        if !part.starts_with('{') {
            return part.to_owned();
        }
        params += 1;
        format!(":param{}", params - 1)
    });
    parts.collect::<Vec<_>>().join("/")
}

struct GuardedEndpoint {
    endpoint: BoxEndpoint<'static>,
    template: Arc<str>,
    query: QueryNames,
}

impl Endpoint for GuardedEndpoint {
    type Output = Response;

    async fn call(&self, mut request: Request) -> poem::Result<Response> {
        let request_id = RequestId::of(&request);
        request.set_data(self.query.clone());
        let mut response = match self.endpoint.call(request).await {
            Ok(response) => response.into_response(),
            Err(error) => {
                let problem = Problem::of_framework(error);
                problem.log(&request_id, &self.template);
                problem.response(&request_id.0)
            }
        };
        response.set_data(RouteTemplate(self.template.clone()));
        Ok(response)
    }
}

#[cfg(test)]
mod tests {
    use super::router_path;

    #[test]
    fn templates_are_known_to_the_router_under_its_names() {
        assert_eq!(router_path("/runs"), "/runs");
        assert_eq!(router_path("/a/{b}/c/{d}"), "/a/:param0/c/:param1");
    }
}
