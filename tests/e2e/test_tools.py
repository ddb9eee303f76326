"""A sandbox is a place to work in: the tools that people use there, with all limits on."""

from support import Repository, as_user

pytestmark = as_user

# What Playwright would download itself; its own server is no package registry.
BROWSER = """
set -e
mkdir -p /tmp/browser && cd /tmp/browser && npm init --yes >/dev/null
npm install --silent --no-audit --no-fund playwright-core@1.65.1 @sparticuz/chromium@153.0.0
cat >look.mjs <<'END'
import chromium from '@sparticuz/chromium'
import { chromium as playwright } from 'playwright-core'
const options = { executablePath: await chromium.executablePath(), args: chromium.args }
const browser = await playwright.launch(options)
const page = await browser.newPage()
await page.goto('data:text/html,<h1>hello</h1>')
console.log(await page.textContent('h1'), (await page.screenshot()).length > 1000)
await browser.close()
END
node look.mjs
rm -rf /tmp/browser
"""

# Commands as they are typed; the program stops where it says so.
DEBUGGER = """
cd /tmp && printf 'function twice(n) {\\n  debugger\\n  return 2 * n\\n}\\nconsole.log(twice(21))\\n' >program.js
type() { sleep 2; echo cont; sleep 2; echo 'exec n'; sleep 1; echo cont; sleep 1; echo .exit; }
type | timeout 30 node inspect program.js
rm program.js
"""


def test_playwright_drives_chromium(lived_in: Repository) -> None:
    assert lived_in.inside("lived-in", BROWSER).stdout.endswith("hello true\n")


def test_a_debugger_stops_a_program(lived_in: Repository) -> None:
    said = lived_in.inside("lived-in", DEBUGGER).stdout
    assert "break in program.js:2" in said and "debug> 21\n" in said and "< 42\n" in said


def test_packages_are_installed_and_the_projects_tests_use_the_shared_database(lived_in: Repository) -> None:
    lived_in.wt("shared", "up")
    done = lived_in.inside("lived-in", "cd /app && npm ci --no-audit --no-fund && npm test")
    assert "added" in done.stdout and done.stdout.count(" fail 0\n") == 2


def test_what_the_shared_database_says_can_be_read(lived_in: Repository) -> None:
    lived_in.wt("shared", "up")
    name = f"{lived_in.env()['WT_SHARED_PROJECT']}-postgres-1"
    done = lived_in.inside("lived-in", f"docker ps --format '{{{{.Names}}}}' && docker logs {name} 2>&1")
    assert name in done.stdout and "ready to accept connections" in done.stdout
