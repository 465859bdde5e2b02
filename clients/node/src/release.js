/** Which release of a program runs here, as far as its surroundings say. */

export const UNKNOWN_RELEASE = "unknown";
const VARIABLES = [
  "MENDWIRE_RELEASE",
  "HEROKU_RELEASE_VERSION",
  "HEROKU_SLUG_COMMIT",
  "RENDER_GIT_COMMIT",
  "RAILWAY_GIT_COMMIT_SHA",
  "VERCEL_GIT_COMMIT_SHA",
  "K_REVISION",
  "FLY_IMAGE_REF",
  "SOURCE_VERSION",
  "CODEBUILD_RESOLVED_SOURCE_VERSION",
  "CI_COMMIT_SHA",
  "GITHUB_SHA",
  "GIT_COMMIT",
  "GIT_SHA",
  "COMMIT_SHA",
];
/** Set by `npm run` alone, and often left at 1.0.0: asked last. */
const PACKAGE = ["npm_package_version"];

/**
 * The release, or `unknown`: the checkout is not asked, it may not be what runs.
 *
 * @param {Readonly<Record<string, string | undefined>>} variables
 */
export function releaseOf(variables) {
  for (const name of [...VARIABLES, ...PACKAGE]) {
    const text = (variables[name] ?? "").trim();
    if (text) return text.slice(0, 200);
  }
  return UNKNOWN_RELEASE;
}
