// A certified OpenID Connect provider (npm oidc-provider) with invented accounts, for the sign-in tests. It lives at another
// site than Skein, as providers do: localhost, where Skein is 127.0.0.1.
import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';
import net from 'node:net';
import Provider from 'oidc-provider';

const role = (id, code, name, org) => ({
  person_orgid: `o${id}`, person_roleid: id, org_code: org, role_code: `S8000:G8000:${code}`,
  role_name: `"Clinical":"Clinical Provision":"${name}"`, activity_codes: ['B0380'],
});
const organisations = [
  { org_code: 'RHM', org_name: 'Riverside Hospital' }, { org_code: 'XWC', org_name: 'Wexmoor Community Health' },
];
const staff = (name, roles) => ({
  name, idassurancelevel: '3', nhsid_useruid: name, nhsid_nrbac_roles: roles, nhsid_user_orgs: organisations,
});

/** The accounts. Their claims are CIS2's, a council's, or NHS login's. */
export const accounts = {
  one: staff('Nura Hale', [role('1', 'R8001', 'Nurse Access Role', 'XWC')]),
  two: staff('Amara Osei', [role('2', 'R8000', 'Clinical Practitioner Access Role', 'RHM'), role('3', 'R8001', 'Nurse Access Role', 'XWC')]),
  none: staff('Cleo Hart', []),
  weak: { ...staff('Wim Low', [role('4', 'R8001', 'Nurse Access Role', 'XWC')]), idassurancelevel: '1' },
  social: { name: 'Sol Reid', groups: ['adult-social-care', 'printer-users'], ods: 'E06A', organisation: 'Wexmoor Council' },
};

/** A free port of this machine. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = net.createServer();
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

/** Start the provider for a Skein at this address. */
export async function startProvider(skein) {
  const port = await freePort();
  const issuer = `http://localhost:${port}`;
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const client = (id, more) => ({
    client_id: `skein-${id}`,
    redirect_uris: [`${skein}/sign-in/back/${id}`],
    post_logout_redirect_uris: [`${skein}/sign-in`],
    backchannel_logout_uri: `${skein}/sign-in/left/${id}`,
    backchannel_logout_session_required: true,
    ...more,
  });
  const provider = new Provider(issuer, {
    clients: [
      client('cis2', { client_secret: 'a secret: with/odd characters%' }),
      client('council', { client_secret: 'another secret', token_endpoint_auth_method: 'client_secret_post' }),
      client('nhs-login', {
        token_endpoint_auth_method: 'private_key_jwt', token_endpoint_auth_signing_alg: 'ES256',
        jwks: { keys: [{ ...publicKey.export({ format: 'jwk' }), kid: 'skein-1', use: 'sig', alg: 'ES256' }] },
      }),
    ],
    claims: {
      openid: ['sub'],
      profile: ['name'],
      nationalrbacaccess: ['idassurancelevel', 'nhsid_useruid', 'nhsid_nrbac_roles', 'nhsid_user_orgs'],
      council: ['groups', 'ods', 'organisation'],
      person: ['nhs_number', 'birthdate', 'identity_proofing_level'],
    },
    features: {
      devInteractions: { enabled: true },
      backchannelLogout: { enabled: true },
      rpInitiatedLogout: { enabled: true },
    },
    pkce: { required: () => true },
    // The provider refuses to call addresses of this machine, where Skein is in a test.
    fetch: (url, { dispatcher: _, ...options }) => globalThis.fetch(url, options),
    cookies: { keys: ['invented'] },
    findAccount: (_, sub) => (accounts[sub] ? { accountId: sub, claims: () => ({ sub, ...accounts[sub] }) } : undefined),
  });
  provider.on('backchannel.error', (_, error) => console.error('back-channel logout failed:', error));
  const server = createServer(provider.callback());
  await new Promise((resolve) => { server.listen(port, resolve); });
  return { issuer, provider, privateKey: privateKey.export({ format: 'pem', type: 'pkcs8' }), stop: () => server.closeAllConnections() ?? server.close() };
}
