//! Teams, memberships with dates, and their import.

use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    common::{Method, TestApi},
    people::seed,
    people_sheets::send,
};

async fn team(api: &TestApi, name: &str) -> String {
    let made = api.send(Method::POST, "/team/teams", &json!({"name": name, "description": "Ships"})).await;
    assert_eq!(made.status, 201, "{}", made.text);
    made.json()["id"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_team_last_march_is_not_todays() {
    let api = TestApi::start().await;
    let c = seed(&api).await;
    let id = team(&api, "Platform").await;
    let members = format!("/team/teams/{id}/members");
    let first = json!({"person_id": c.ada, "from": "2026-03-01", "until": "2026-04-01", "role": "lead"});
    let first = api.send(Method::POST, &members, &first).await;
    assert_eq!(first.status, 201, "{}", first.text);
    assert_eq!(first.json()["person_name"], "Ada Moreau");
    let second = api.send(Method::POST, &members, &json!({"person_id": c.bo, "from": "2026-04-01"})).await.json();
    let who = async |on: &str| {
        let items = api.get(&format!("{members}?on={on}")).await.items();
        items.iter().map(|item| item["person_id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(who("2026-02-28").await, Vec::<String>::new());
    assert_eq!(who("2026-03-31").await, [c.ada.as_str()]);
    assert_eq!(who("2026-04-01").await, [c.bo.as_str()], "half-open");
    assert_eq!(api.get(&format!("/team/teams/{id}?on=2026-03-15")).await.json()["members"], 1);
    assert_eq!(api.get(&format!("{members}?person={}", c.ada)).await.items().len(), 1);
    assert_eq!(api.walk(&members, 1).await.len(), 2);

    let overlap = json!({"person_id": c.ada, "from": "2026-03-31"});
    api.send(Method::POST, &members, &overlap).await.problem(409, "CONFLICT");
    api.send(Method::POST, &members, &json!({"person_id": c.ada, "from": "2026-05-01", "until": "2026-05-01"})).await.names_field("until");
    api.send(Method::POST, &members, &json!({"person_id": Uuid::now_v7()})).await.names_field("person_id");
    api.send(Method::POST, &members, &json!({"person_id": c.ada, "from": "soon"})).await.names_field("from");
    api.get(&format!("{members}?on=99999-01-01")).await.problem(400, "VALIDATION_ERROR");

    let membership = format!("{members}/{}", second["id"]);
    let ended = api.send(Method::PATCH, &membership, &json!({"until": "2026-06-01"})).await.json();
    assert_eq!((&ended["until"], &ended["from"]), (&json!("2026-06-01"), &json!("2026-04-01")));
    assert_eq!(api.send(Method::PATCH, &membership, &json!({"until": null})).await.json()["until"], Value::Null);
    api.send(Method::PATCH, &membership, &json!({})).await.names_field("until");
    api.send(Method::PATCH, &membership, &json!({"until": "2026-04-01"})).await.names_field("until");
    let shown = api.get(&format!("/team/people/{}", c.bo)).await.json();
    assert_eq!(shown["teams"][0]["team_name"], "Platform");
    assert_eq!(api.send(Method::DELETE, &membership, &json!({})).await.status, 204);
    api.send(Method::DELETE, &membership, &json!({})).await.problem(404, "NOT_FOUND");
    let acts = api.get("/audit-events?subject=team").await.items();
    assert!(acts.len() >= 5, "{acts:?}");
}

#[tokio::test]
async fn teams_have_one_name_each_and_can_be_closed() {
    let api = TestApi::start().await;
    let id = team(&api, "Platform").await;
    api.send(Method::POST, "/team/teams", &json!({"name": "platform"})).await.problem(409, "CONFLICT");
    api.send(Method::POST, "/team/teams", &json!({"name": " "})).await.names_field("name");
    let path = format!("/team/teams/{id}");
    let renamed = api.send(Method::PATCH, &path, &json!({"name": "Foundations"})).await.json();
    assert_eq!((&renamed["name"], &renamed["description"]), (&json!("Foundations"), &json!("Ships")));
    team(&api, "Platform").await;
    assert_eq!(api.walk("/team/teams", 1).await.len(), 2);
    api.send(Method::PATCH, &path, &json!({"name": "Platform"})).await.problem(409, "CONFLICT");
    assert!(api.send(Method::PATCH, &path, &json!({"archived": true})).await.json()["archived_at"].is_string());
    assert_eq!(api.get("/team/teams").await.items().len(), 1);
    assert_eq!(api.get("/team/teams?archived=true").await.items().len(), 1);
    let nobody = Uuid::now_v7();
    api.get(&format!("/team/teams/{nobody}")).await.problem(404, "NOT_FOUND");
    api.get(&format!("/team/teams/{nobody}/members")).await.problem(404, "NOT_FOUND");
}

#[tokio::test]
async fn people_and_teams_are_imported_all_or_none() {
    let api = TestApi::start().await;
    let c = seed(&api).await;
    let file = format!(
        "\u{feff}Name;Email;Person ID;Team;Role;From;Until\r\nCleo Frank;cleo@acme.example;;Platform;'-lead;2026-01-01;\r\n;ada@acme.example;;Platform;;2026-01-01;2026-03-01\r\nBo D.;;{};;;;\r\n",
        c.bo
    );
    let plan = send(&api, "/team/import", &file).await.json();
    let made = ["people_created", "people_updated", "teams_created", "memberships_created"].map(|field| plan[field].as_i64().unwrap());
    assert_eq!(made, [1, 2, 1, 2], "one got an address and one a name: {plan}");
    assert!(api.get("/team/teams").await.items().is_empty(), "nothing was done");
    let done = send(&api, "/team/import?dry_run=false", &file).await.json();
    assert_eq!((&done["memberships_created"], &done["errors"]), (&json!(2), &json!([])), "{done}");
    let again = send(&api, "/team/import?dry_run=false", &file).await.json();
    assert_eq!((&again["unchanged"], &again["people_created"]), (&json!(3), &json!(0)), "{again}");
    let team = api.get("/team/teams?on=2026-02-01").await.items().remove(0);
    assert_eq!(team["members"], 2);
    let members = api.get(&format!("/team/teams/{}/members", team["id"].as_str().unwrap())).await.items();
    assert!(members.iter().any(|row| row["role"] == "-lead"), "{members:?}");

    let wrong = "email,name,team,from,until\nnobody@acme.example,,,,\nada@acme.example,,Platform,soon,\nada@acme.example,,Platform,,\nada@acme.example,,Platform,2026-02-01,2026-01-01\n";
    let told = send(&api, "/team/import", wrong).await.json();
    let errors: Vec<(i64, &str)> = told["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| (error["line"].as_i64().unwrap(), error["column"].as_str().unwrap_or("")))
        .collect();
    assert_eq!(errors, [(2, "name"), (3, "from"), (4, "from"), (5, "until")], "{told}");
    send(&api, "/team/import?dry_run=false", wrong).await.problem(400, "VALIDATION_ERROR");
    send(&api, "/team/import", "email,nmae\n").await.problem(400, "VALIDATION_ERROR");
}

#[tokio::test]
async fn teams_of_another_organisation_do_not_exist() {
    let api = TestApi::start().await;
    let c = seed(&api).await;
    let id = team(&api, "Platform").await;
    let members = format!("/team/teams/{id}/members");
    let member = api.send(Method::POST, &members, &json!({"person_id": c.ada, "from": "2026-01-01"})).await.json();
    assert!(api.as_other(Method::GET, "/team/teams", None).await.items().is_empty());
    for (method, path, body) in [
        (Method::GET, format!("/team/teams/{id}"), None),
        (Method::GET, members.clone(), None),
        (Method::PATCH, format!("/team/teams/{id}"), Some(json!({"name": "mine"}))),
        (Method::POST, members.clone(), Some(json!({"person_id": c.ada}))),
        (Method::PATCH, format!("{members}/{}", member["id"]), Some(json!({"until": null}))),
        (Method::DELETE, format!("{members}/{}", member["id"]), None),
    ] {
        api.as_other(method, &path, body.as_ref()).await.problem(404, "NOT_FOUND");
    }
    assert_eq!(api.as_other(Method::POST, "/team/teams", Some(&json!({"name": "Platform"}))).await.status, 201, "names are each one's own");
}
