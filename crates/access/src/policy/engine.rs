//! Asking Cedar, and remembering the answers: a question says all that its answer rests on, so equal questions need not be
//! asked twice.

use super::{
    Class, Jobs, Labels, PolicyFiles, Settings,
    files::{BadPolicy, LABELS, ROLES, SCHEMA, SETTINGS},
    questions::{Access, Desk, Door, section},
};
use crate::{User, UserKind};
use cedar_policy::{
    Authorizer, Context, Decision, Entities, Entity, EntityId, EntityTypeName, EntityUid, Policy, PolicyId, PolicySet,
    Request, RestrictedExpression, Schema, ValidationMode, Validator,
};
use std::{
    collections::{HashMap, HashSet},
    str::FromStr,
    sync::{Arc, RwLock},
};

/// Answers kept at most; past it they are forgotten and asked anew.
const ANSWERS_MAX: usize = 50_000;

/// What the policies say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ruling {
    /// Whether it may be.
    pub allowed: bool,
    /// The rules that decided, by their `@id`: those that permit, or those that forbid. None: nothing permits it.
    pub rules: Arc<[String]>,
    /// Why not, in words for the user, where the policies give them (`@because`).
    pub because: Option<Arc<str>>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Question {
    asker: Asker,
    what: What,
}

#[derive(Clone, PartialEq, Eq, Hash)]
struct Asker {
    job: usize,
    kind: u8,
    organisation: Arc<str>,
    organisation_kind: Arc<str>,
    region: bool,
    activities: Arc<[String]>,
}

#[derive(Clone, PartialEq, Eq, Hash)]
enum What {
    Record(Door, Access),
    Item(Class, bool, bool, Access),
    Desk(Desk),
    Write(Arc<str>, Access),
}

/// Policies, ready to be asked.
pub struct Policies {
    version: Arc<str>,
    files: PolicyFiles,
    set: PolicySet,
    schema: Schema,
    jobs: Jobs,
    labels: Labels,
    settings: Settings,
    answers: RwLock<HashMap<Question, Ruling>>,
}

impl std::fmt::Debug for Policies {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Policies").field("version", &self.version).finish_non_exhaustive()
    }
}

fn uid(kind: &str, id: &str) -> Result<EntityUid, String> {
    let kind = EntityTypeName::from_str(&format!("Skein::{kind}")).map_err(|error| error.to_string())?;
    Ok(EntityUid::from_type_name_and_id(kind, EntityId::new(id)))
}

fn text(value: &str) -> RestrictedExpression {
    RestrictedExpression::new_string(value.to_owned())
}

fn yes(value: bool) -> RestrictedExpression {
    RestrictedExpression::new_bool(value)
}

fn set<'a>(values: impl Iterator<Item = &'a str>) -> RestrictedExpression {
    RestrictedExpression::new_set(values.map(text))
}

/// The line of a place in a text, from 1.
fn line(source: &str, offset: usize) -> usize {
    source.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

impl Policies {
    /// Read and check policies.
    ///
    /// # Errors
    /// [`BadPolicy`] naming the file and what is wrong in it.
    pub fn new(files: PolicyFiles) -> Result<Self, BadPolicy> {
        let (schema, _) =
            Schema::from_cedarschema_str(files.text(SCHEMA)).map_err(|error| BadPolicy::new(SCHEMA, deep(&error)))?;
        let jobs = Jobs::read(files.text(ROLES))?;
        let labels = Labels::read(files.text(LABELS))?;
        let settings = Settings::read(files.text(SETTINGS))?;
        let mut set = PolicySet::new();
        let mut seen: HashMap<String, String> = HashMap::new();
        for (name, source) in files.policies() {
            let parsed = PolicySet::from_str(source).map_err(|error| {
                use miette::Diagnostic;
                let at = error.labels().and_then(|mut labels| labels.next()).map(|label| line(source, label.offset()));
                let place = at.map(|line| format!("line {line}: ")).unwrap_or_default();
                BadPolicy::new(name, format!("{place}{}", deep(&error)))
            })?;
            for policy in parsed.policies() {
                let id = policy.annotation("id").unwrap_or_default().to_owned();
                if id.is_empty() {
                    let what = "every rule needs an @id(\"…\"), which the audit trail names";
                    return Err(BadPolicy::new(name, format!("{what}; one without it: {}", first_line(policy))));
                }
                if let Some(other) = seen.insert(id.clone(), name.to_owned()) {
                    return Err(BadPolicy::new(name, format!("rule \"{id}\" stands in {other} too")));
                }
                let named = policy.new_id(PolicyId::new(&id));
                let alone = PolicySet::from_policies([named.clone()]).map_err(|e| BadPolicy::new(name, deep(&e)))?;
                let checked = Validator::new(schema.clone()).validate(&alone, ValidationMode::Strict);
                if let Some(error) = checked.validation_errors().next() {
                    return Err(BadPolicy::new(name, format!("rule \"{id}\": {}", deep(error))));
                }
                set.add(named).map_err(|error| BadPolicy::new(name, deep(&error)))?;
            }
        }
        let version = files.version().into();
        Ok(Policies { version, files, set, schema, jobs, labels, settings, answers: RwLock::default() })
    }

    /// The ones that come with Skein.
    ///
    /// # Errors
    /// Never, or a test fails: they are checked there.
    pub fn builtin() -> Result<Self, BadPolicy> {
        Self::new(PolicyFiles::builtin())
    }

    /// What tells them from any others.
    pub fn version(&self) -> &Arc<str> {
        &self.version
    }

    /// Their text.
    pub fn files(&self) -> &PolicyFiles {
        &self.files
    }

    /// The jobs there are.
    pub fn jobs(&self) -> &Jobs {
        &self.jobs
    }

    /// The labels there are.
    pub fn labels(&self) -> &Labels {
        &self.labels
    }

    /// Times, limits and reasons.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The ids of all rules.
    pub fn rules(&self) -> Vec<String> {
        let mut rules: Vec<String> = self.set.policies().map(|policy| policy.id().to_string()).collect();
        rules.sort();
        rules
    }

    /// May this user do this with a record?
    pub fn record(&self, user: &User, organisation_kind: &str, door: Door, access: &Access) -> Ruling {
        self.ask(user, organisation_kind, What::Record(door, access.clone()))
    }

    /// May this user see entries of this class? `elsewhere`: it is of another organisation than the user's; `objected`: the
    /// person objects to sharing it.
    pub fn item(
        &self,
        user: &User,
        organisation_kind: &str,
        class: Class,
        elsewhere: bool,
        objected: bool,
        access: &Access,
    ) -> Ruling {
        self.ask(user, organisation_kind, What::Item(class, class.sealed && elsewhere, objected, access.clone()))
    }

    /// May this user write something of this name in a record? The record must open as well.
    pub fn write(&self, user: &User, organisation_kind: &str, what: &str, access: &Access) -> Ruling {
        self.ask(user, organisation_kind, What::Write(what.into(), access.clone()))
    }

    /// May this user do this work?
    pub fn desk(&self, user: &User, organisation_kind: &str, desk: Desk) -> Ruling {
        self.ask(user, organisation_kind, What::Desk(desk))
    }

    fn ask(&self, user: &User, organisation_kind: &str, what: What) -> Ruling {
        let Some(job) = self.jobs.of(user, organisation_kind) else {
            let because =
                "Your role has no rights here. Ask the people who look after your accounts which role you need.";
            return Ruling { allowed: false, rules: Arc::default(), because: Some(because.into()) };
        };
        let asker = Asker {
            job,
            kind: user.kind as u8,
            organisation: user.org_code.as_str().into(),
            organisation_kind: organisation_kind.into(),
            region: user.kind == UserKind::System && user.reach_region,
            activities: user.activity_codes.as_slice().into(),
        };
        let question = Question { asker, what };
        if let Some(known) = self.answers.read().ok().and_then(|answers| answers.get(&question).cloned()) {
            return known;
        }
        // A question that cannot be put is answered with no.
        let ruling = self.evaluate(&question).unwrap_or_else(|error| {
            tracing::error!(%error, "a question could not be put to the policies: refused");
            Ruling { allowed: false, rules: Arc::default(), because: None }
        });
        if let Ok(mut answers) = self.answers.write() {
            if answers.len() >= ANSWERS_MAX {
                answers.clear();
            }
            answers.insert(question, ruling.clone());
        }
        ruling
    }

    fn evaluate(&self, question: &Question) -> Result<Ruling, String> {
        let Question { asker, what } = question;
        let (action, (resource, attributes), context) = match what {
            What::Record(door, access) => (door.name(), (uid("Record", "one")?, HashMap::new()), circumstances(access)),
            What::Item(class, sealed, objected, access) => {
                ("see", (uid("Item", "one")?, self.entry(*class, *sealed, *objected)), circumstances(access))
            }
            What::Write(what, access) => {
                let attributes = HashMap::from([("what".to_owned(), text(what))]);
                ("write", (uid("Writing", "one")?, attributes), circumstances(access))
            }
            What::Desk(desk) => {
                let context = vec![("purpose".to_owned(), text("TREAT"))];
                (desk.name(), (uid("Desk", "one")?, HashMap::new()), context)
            }
        };
        let principal = uid("User", "one")?;
        let action = uid("Action", action)?;
        let mut entities = self.asker(&principal, asker)?;
        let resource_entity = Entity::new(resource.clone(), attributes, HashSet::new());
        entities.push(resource_entity.map_err(|error| error.to_string())?);
        let entities = Entities::from_entities(entities, Some(&self.schema)).map_err(|error| deep(&error))?;
        let context = Context::from_pairs(context).map_err(|error| error.to_string())?;
        let request = Request::new(principal, action, resource, context, Some(&self.schema)).map_err(|e| deep(&e))?;
        let answer = Authorizer::new().is_authorized(&request, &self.set, &entities);
        if let Some(error) = answer.diagnostics().errors().next() {
            return Err(error.to_string());
        }
        let mut rules: Vec<String> = answer.diagnostics().reason().map(ToString::to_string).collect();
        rules.sort();
        let allowed = answer.decision() == Decision::Allow;
        let because = rules.iter().filter(|_| !allowed).find_map(|rule| {
            let policy = self.set.policy(&PolicyId::new(rule))?;
            policy.annotation("because").map(Arc::from)
        });
        Ok(Ruling { allowed, rules: rules.into(), because })
    }

    fn asker(&self, principal: &EntityUid, asker: &Asker) -> Result<Vec<Entity>, String> {
        let job = self.jobs.all().get(asker.job).ok_or("no such job")?;
        let mut entities = Vec::new();
        let mut groups = HashSet::new();
        for group in &job.groups {
            let group = uid("Job", group)?;
            entities.push(Entity::new_no_attrs(group.clone(), HashSet::new()));
            groups.insert(group);
        }
        let own = uid("Job", &job.name)?;
        // A group may be called as the job is.
        groups.remove(&own);
        entities.retain(|entity| entity.uid() != own);
        entities.push(Entity::new_no_attrs(own.clone(), groups));
        let kind = match asker.kind {
            kind if kind == UserKind::Person as u8 => "person",
            kind if kind == UserKind::System as u8 => "system",
            _ => "staff",
        };
        let attributes = HashMap::from([
            ("kind".to_owned(), text(kind)),
            ("organisation".to_owned(), text(&asker.organisation)),
            ("organisationKind".to_owned(), text(&asker.organisation_kind)),
            ("activities".to_owned(), set(asker.activities.iter().map(String::as_str))),
            ("reach".to_owned(), text(if asker.region { "region" } else { "organisation" })),
        ]);
        let user = Entity::new(principal.clone(), attributes, HashSet::from([own]));
        entities.push(user.map_err(|error| error.to_string())?);
        Ok(entities)
    }

    fn entry(&self, class: Class, sealed: bool, objected: bool) -> HashMap<String, RestrictedExpression> {
        HashMap::from([
            ("type".to_owned(), text(&class.kind.to_string())),
            ("section".to_owned(), text(section(class.kind))),
            ("labels".to_owned(), set(self.labels.names(class.labels))),
            ("sealedElsewhere".to_owned(), yes(sealed)),
            ("notForPerson".to_owned(), yes(class.not_for_person)),
            ("thirdParty".to_owned(), yes(class.third_party)),
            ("objected".to_owned(), yes(objected)),
        ])
    }
}

fn circumstances(access: &Access) -> Vec<(String, RestrictedExpression)> {
    vec![
        ("purpose".to_owned(), text(&access.purpose)),
        ("relationships".to_owned(), set(access.relationships.names())),
        ("claimed".to_owned(), text(&access.claimed)),
        ("glass".to_owned(), yes(access.glass)),
        ("objected".to_owned(), yes(access.objected)),
        ("own".to_owned(), yes(access.own)),
    ]
}

/// An error with its causes, in one line.
fn deep(error: &dyn std::error::Error) -> String {
    let mut words = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let said = next.to_string();
        if !words.contains(&said) {
            words = format!("{words}: {said}");
        }
        cause = next.source();
    }
    words.replace('\n', " ")
}

fn first_line(policy: &Policy) -> String {
    policy.to_string().lines().find(|line| !line.trim().is_empty()).unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_built_in_policies_hold_against_their_schema() {
        let policies = Policies::builtin().expect("policies");
        assert!(policies.rules().len() > 20);
        assert_eq!(policies.version().len(), 16);
    }

    #[test]
    fn a_policy_that_cannot_be_used_is_refused_with_file_and_line_or_rule() {
        let refused = |name: &str, text: &str| {
            Policies::new(PolicyFiles::builtin().with(name, text)).expect_err("refused").to_string()
        };
        let permit = "permit (principal, action == Skein::Action::\"open\", resource)";
        assert!(refused("x.cedar", "\n\nallow everything;").starts_with("x.cedar: line 3"));
        assert!(refused("x.cedar", &format!("{permit};")).contains("@id"));
        assert!(refused("x.cedar", &format!("@id(\"looks-after\") {permit};")).contains("stands in"));
        let error = refused("x.cedar", &format!("@id(\"mine\") {permit} when {{ context.colour == \"red\" }};"));
        assert!(error.contains("x.cedar: rule \"mine\"") && error.contains("colour"), "{error}");
        assert!(refused("roles.toml", "[[job]]\nname = 1").starts_with("roles.toml: "));
        assert!(refused("settings.toml", "").starts_with("settings.toml: "));
    }
}
