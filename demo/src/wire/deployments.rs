//! Environments, deployments and releases.

use bytes::Bytes;
use serde::Serialize;
use serde_json::value::RawValue;

use super::{EXTERNAL_URL, Stamp, Users, job, render};
use crate::company::Company;
use crate::company::model::{Deployment, Environment, Release};

#[derive(Serialize)]
struct EnvironmentBasic<'a> {
    id: u64,
    name: &'a str,
    slug: String,
    external_url: Option<&'a str>,
    created_at: Stamp,
    updated_at: Stamp,
}

fn basic(one: &Environment) -> EnvironmentBasic<'_> {
    EnvironmentBasic {
        id: one.id,
        name: one.name,
        slug: one.name.replace('/', "-"),
        external_url: one.external_url.as_deref(),
        created_at: Stamp(one.created_at),
        updated_at: Stamp(one.updated_at),
    }
}

/// A row of `environments`; only here an environment shows its tier.
pub(crate) fn environment_row(one: &Environment) -> Bytes {
    #[derive(Serialize)]
    struct Extra<'a> {
        tier: Option<&'a str>,
        state: &'a str,
        auto_stop_at: Option<Stamp>,
        description: Option<&'a str>,
        auto_stop_setting: &'static str,
    }
    let extra = Extra { tier: one.tier, state: one.state, auto_stop_at: None, description: None, auto_stop_setting: "always" };
    super::merge_objects(&render(&basic(one)), &render(&extra))
}

#[derive(Serialize)]
struct DeploymentRow<'a> {
    id: u64,
    iid: u64,
    #[serde(rename = "ref")]
    git_ref: &'a str,
    sha: &'a str,
    created_at: Stamp,
    updated_at: Stamp,
    user: &'a RawValue,
    environment: EnvironmentBasic<'a>,
    deployable: Option<Box<RawValue>>,
    status: &'a str,
}

/// A row of `deployments`.
pub(crate) fn deployment_row(company: &Company, users: &Users, one: &Deployment) -> Bytes {
    let deployable = one.job.map(|(pipeline, index)| {
        let pipeline = &company.pipelines[pipeline];
        job(company, users, pipeline, &pipeline.jobs[index])
    });
    render(&DeploymentRow {
        id: one.id,
        iid: one.iid,
        git_ref: &one.git_ref,
        sha: &one.sha,
        created_at: Stamp(one.created_at),
        updated_at: Stamp(one.updated_at),
        user: users.basic(one.user),
        environment: basic(&company.environments[one.environment]),
        deployable: deployable.and_then(|bytes| serde_json::from_slice(&bytes).ok()),
        status: one.status,
    })
}

#[derive(Serialize)]
struct ReleaseRow<'a> {
    tag_name: &'a str,
    name: &'a str,
    description: &'static str,
    created_at: Stamp,
    released_at: Stamp,
    upcoming_release: bool,
    author: &'a RawValue,
    commit: ReleaseCommit<'a>,
    commit_path: String,
    tag_path: String,
    assets: Assets,
    evidences: [u8; 0],
    #[serde(rename = "_links")]
    links: Links,
}

#[derive(Serialize)]
struct ReleaseCommit<'a> {
    id: &'a str,
    short_id: &'a str,
    created_at: Stamp,
    title: &'static str,
}

#[derive(Serialize)]
struct Assets {
    count: u32,
    sources: [u8; 0],
    links: [u8; 0],
}

#[derive(Serialize)]
struct Links {
    #[serde(rename = "self")]
    own: String,
}

/// A row of `releases`.
pub(crate) fn release_row(company: &Company, users: &Users, one: &Release) -> Bytes {
    let project = &company.projects[one.project];
    let tag = percent_encoding::utf8_percent_encode(&one.tag, percent_encoding::NON_ALPHANUMERIC).to_string();
    render(&ReleaseRow {
        tag_name: &one.tag,
        name: &one.name,
        description: "What is new.",
        created_at: Stamp(one.created_at),
        released_at: Stamp(one.released_at),
        upcoming_release: one.upcoming,
        author: users.basic(one.author),
        commit: ReleaseCommit { id: &one.sha, short_id: &one.sha[..8], created_at: Stamp(one.created_at), title: "Release" },
        commit_path: format!("/{}/-/commit/{}", project.full_path, one.sha),
        tag_path: format!("/{}/-/tags/{}", project.full_path, one.tag),
        assets: Assets { count: 0, sources: [], links: [] },
        evidences: [],
        links: Links { own: format!("{EXTERNAL_URL}/{}/-/releases/{tag}", project.full_path) },
    })
}
