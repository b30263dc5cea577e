/** What a registry or its token service is told about who asks. */
export type Credentials =
  | { readonly kind: 'password'; readonly user: string; readonly password: string }
  /** An OAuth2 refresh token; of use to a token service only. */
  | { readonly kind: 'identity'; readonly token: string };
