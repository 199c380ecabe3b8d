// A provider of the package oidc-provider, started by test_real_provider.py with its issuer, port, secret and callback.
import Provider from "oidc-provider";

const [issuer, port, secret, callback] = process.argv.slice(2);
const about = (id) => ({
  sub: id,
  email: `${id}@uni.edu`,
  email_verified: true,
  given_name: "Ada",
  family_name: "King",
  groups: ["students"],
});
const provider = new Provider(issuer, {
  clients: [{ client_id: "gradus", client_secret: secret, redirect_uris: [callback] }],
  claims: {
    openid: ["sub", "groups"],
    email: ["email", "email_verified"],
    profile: ["given_name", "family_name"],
  },
  findAccount: (_, id) => ({ accountId: id, claims: async () => about(id) }),
  pkce: { required: () => true },
  cookies: { keys: [secret] },
});
provider.listen(Number(port), "127.0.0.1", () => console.log("listening"));
