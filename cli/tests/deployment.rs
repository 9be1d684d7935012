//! `docker-compose.yml` and `Dockerfile`, read the way the tools read them, on machines without Docker.
#![expect(clippy::unwrap_used, reason = "tests")]

use std::{collections::BTreeSet, fs, path::Path};

use compose_spec::{Compose, Service, service::Healthcheck};
use dockerfile_parser::{Dockerfile, Instruction};

fn read(name: &str) -> String {
    fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(name)).unwrap()
}

/// `text` with its variables replaced, and the names of those that must be set.
fn interpolate(text: &str) -> (String, BTreeSet<String>) {
    let (mut out, mut required) = (String::new(), BTreeSet::new());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        out.push_str(before);
        if let Some(after) = after.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        // Comments may talk of `$(…)`; elsewhere a bare dollar is a mistake.
        let Some(inner) = after.strip_prefix('{') else {
            let line = before.rsplit('\n').next().unwrap();
            assert!(line.trim_start().starts_with('#'), "a dollar that is no variable: {line}");
            rest = after;
            continue;
        };
        let (variable, after) = inner.split_once('}').unwrap();
        if let Some((_, default)) = variable.split_once(":-") {
            out.push_str(default);
        } else {
            let (name, _) = variable.split_once(":?").unwrap_or_else(|| panic!("${{{variable}}} has neither a default nor a message"));
            required.insert(name.to_owned());
            out.push_str("value");
        }
        rest = after;
    }
    out.push_str(rest);
    (out, required)
}

fn compose() -> (Compose, BTreeSet<String>) {
    let (text, required) = interpolate(&read("docker-compose.yml"));
    (Compose::options().apply_merge(true).from_yaml_str(&text).unwrap(), required)
}

#[test]
fn the_compose_file_is_valid_and_complete() {
    let (compose, _) = compose();
    compose.validate_all().unwrap();
    let names: Vec<&str> = compose.services.keys().map(|name| name.as_str()).collect();
    for name in ["postgres", "temporal", "temporal-ui", "migrate", "api", "worker"] {
        assert!(names.contains(&name), "{name} in {names:?}");
    }
}

#[test]
fn no_secret_has_a_default() {
    let (compose, required) = compose();
    assert_eq!(required, BTreeSet::from(["OVIA_SEALING_KEY".to_owned(), "POSTGRES_PASSWORD".to_owned()]));
    // A secret written down would be there without a variable.
    let text = read("docker-compose.yml");
    for line in text.lines().filter(|line| !line.trim_start().starts_with('#')) {
        let secret = ["PASSWORD:", "_PWD:", "SEALING_KEY:", "DATABASE_URL:"].iter().any(|word| line.contains(word));
        assert!(!secret || line.contains(":?"), "{line}");
    }
    drop(compose);
}

#[test]
fn long_running_services_have_health_checks_and_pinned_images() {
    let (compose, _) = compose();
    for (name, service) in &compose.services {
        let image = service.image.as_ref().map(ToString::to_string).unwrap();
        let tag = image.rsplit_once(':').map(|(_, tag)| tag).unwrap_or_default();
        assert!(!tag.is_empty() && tag != "latest", "{name}: {image}");
        let once = service.restart.as_ref().is_some_and(|restart| format!("{restart:?}").contains("OnFailure"));
        assert!(once || has_healthcheck(service), "{name} has no health check");
        assert!(!service.privileged, "{name}");
    }
}

#[test]
fn services_wait_for_services_that_exist() {
    let text = read("docker-compose.yml");
    let (compose, _) = compose();
    let names: Vec<String> = compose.services.keys().map(|name| name.as_str().to_owned()).collect();
    let mut conditions = 0;
    for pair in text.lines().collect::<Vec<_>>().windows(2) {
        if pair[1].trim_start().starts_with("condition:") {
            conditions += 1;
            let name = pair[0].trim().trim_end_matches(':');
            assert!(names.iter().any(|known| known == name), "{name}");
        }
    }
    assert!(conditions >= 7);
}

#[test]
fn the_image_is_built_in_stages_and_runs_without_root() {
    let dockerfile = Dockerfile::parse(&read("Dockerfile")).unwrap();
    let stages: Vec<_> = dockerfile.iter_stages().collect();
    assert!(stages.len() >= 2);
    let last = stages.last().unwrap();
    let user = last.instructions.iter().find_map(|instruction| match instruction {
        Instruction::Misc(misc) if misc.instruction.content.eq_ignore_ascii_case("user") => Some(misc.arguments.to_string()),
        _ => None,
    });
    let user: u32 = user.unwrap().trim().parse().unwrap();
    assert!(user > 0);
    let entrypoint = last.instructions.iter().find_map(|instruction| instruction.as_entrypoint()).unwrap();
    assert_eq!(entrypoint.as_exec().unwrap().as_str_vec(), ["ovia"]);
    for instruction in &dockerfile.instructions {
        if let Instruction::From(from) = instruction {
            let tag = from.image_parsed.tag.as_deref().unwrap_or_default();
            assert!(!tag.is_empty() && tag != "latest", "{}", from.image.content);
        }
    }
}

fn has_healthcheck(service: &Service) -> bool {
    matches!(&service.healthcheck, Some(Healthcheck::Command(command)) if command.test.is_some())
}
