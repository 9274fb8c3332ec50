// Before the page's own script: notes whatever goes wrong.
window.problems = [];
addEventListener("error", (event) => problems.push(`error: ${event.message}`));
addEventListener("unhandledrejection", (event) => problems.push(`rejected: ${event.reason}`));
addEventListener("securitypolicyviolation", (event) => problems.push(`blocked: ${event.blockedURI}`));
for (const level of ["error", "warn"]) console[level] = (...words) => problems.push(`${level}: ${words.join(" ")}`);
