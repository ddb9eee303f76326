"""The agent's command line."""

import pytest

from wt.commands import agent
from wt.config import Agent

PROMPT = ["--append-system-prompt-file", "/app/.devcontainer/container-prompt.md"]


@pytest.mark.parametrize(
    ("settings", "prompt", "expected"),
    [
        (Agent(), True, [agent.INSTALLED, *PROMPT]),
        (Agent(), False, [agent.INSTALLED]),
        (Agent(version=""), True, ["claude", *PROMPT]),
        (Agent("claude  --model opus"), True, [agent.INSTALLED, "--model", "opus", *PROMPT]),
        (Agent("/opt/bin/claude"), True, ["/opt/bin/claude", *PROMPT]),
        (Agent("npx claude"), True, ["npx", "claude"]),
        (Agent("other --full-auto"), True, ["other", "--full-auto"]),
    ],
)
def test_what_only_claude_understands_goes_to_claude_alone(settings: Agent, prompt: bool, expected: list[str]) -> None:
    assert agent.command(settings, [], prompt=prompt) == expected
    assert agent.command(settings, ["-p", "two words"], prompt=prompt) == [*expected, "-p", "two words"]
