"""The command line: what can be typed after ``simulator``, and our errors where it does not fit."""

from __future__ import annotations

import argparse
import difflib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from simulator import __version__, texts
from simulator.errors import UsageError
from simulator.settings import PACES

if TYPE_CHECKING:
    from simulator.settings import Settings
    from simulator.texts import Texts

    Run = Callable[[argparse.Namespace, Settings, Texts], int]


JOBS = 4
"""Calls that are judged beside each other when a critic is measured, unless set."""
TIMES, TRIAL_TURNS = 2, 8
"""Calls that a customer is tried with each kind of agent, and agent turns that each has room for, unless set."""
TURN_LIMIT = 20
"""Agent turns after which the customer has no more time, unless set."""


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are our errors."""

    commands: Sequence[str] = ()

    def parse_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def]
        """Everything on the line must be understood."""
        parsed, rest = self.parse_known_args(args, namespace)  # type: ignore[no-untyped-call]
        if rest:
            raise UsageError("too_many_words", words=" ".join(rest), command=self.prog)
        return parsed

    def parse_known_args(self, args=None, namespace=None):  # type: ignore[no-untyped-def]
        """Name the nearest command or option where there is none of that name."""
        self._check_names(iter(args or ()))
        try:
            return super().parse_known_args(args, namespace)
        except argparse.ArgumentError as error:
            _, clash, other = error.message.partition("not allowed with argument ")
            if clash:
                raise UsageError("not_together", one=error.argument_name, other=other) from error
            raise UsageError("bad_value", name=error.argument_name, command=self.prog) from error

    def _check_names(self, args: Iterator[str]) -> None:
        for arg in args:
            if arg.startswith("-") and arg != "-":
                name = arg.partition("=")[0]
                option = self._option_string_actions.get(name)
                if option is None:
                    raise UsageError("no_such_option", **self._unknown(name, self._option_string_actions))
                if option.nargs != 0 and name == arg:
                    next(args, None)  # its value
            elif self.commands:
                if arg not in self.commands:
                    raise UsageError("no_such_command", **self._unknown(arg, self.commands))
                return  # what follows is for the command's own parser

    def _unknown(self, name: str, known: Iterable[str]) -> dict[str, str]:
        near = difflib.get_close_matches(name, known, n=1)
        return {"name": name, "near": near[0] if near else "", "command": self.prog}

    def error(self, message: str) -> NoReturn:
        """What argparse complains of in its own words."""
        raise UsageError("command_line", why=message, command=self.prog)


def parser(say: Texts, argv: Sequence[str], runs: Mapping[str, Run]) -> argparse.ArgumentParser:
    """The command line's parser.

    Args:
        say: the texts of the help.
        argv: what was typed: only the commands named in it get their options, for each option costs start-up time.
        runs: what each command does, by its name.
    """

    class Formatter(argparse.HelpFormatter):
        """Help whose own words are in the user's language too."""

        def add_usage(self, usage, actions, groups, prefix=None):  # type: ignore[no-untyped-def]
            super().add_usage(usage, actions, groups, say("help.usage") if prefix is None else prefix)

    look: dict[str, Any] = {
        "add_help": False, "allow_abbrev": False, "exit_on_error": False, "formatter_class": Formatter,
    }  # fmt: skip
    top = Parser(prog="simulator", description=say("help.program"), epilog=say("help.epilog"), **look)
    options = _common(top, say)
    version = f"customer-simulator {__version__}"
    options.add_argument("--version", action="version", version=version, help=say("help.version"))
    command = _commands(top, say, look, argv)
    command("chat", runs["chat"], _chat)
    command("personas", runs["personas"], _personas)
    command("critique", runs["critique"], _critique)
    command("overrule", runs["overrule"], _overrule)

    def history(made: Parser, say: Texts) -> None:
        _history(made, say)
        _commands(made, say, look, argv)("delete", runs["history delete"], _delete, "history_delete")
        made.set_defaults(run=runs["history"])

    command("history", None, history)
    command("show", runs["show"], _show)
    command("progress", runs["progress"], _progress)
    command("report", runs["report"], _report)
    command("doctor", runs["doctor"])

    def evaluate(made: Parser, say: Texts) -> None:
        _common(made, say)
        _commands(made, say, look, argv)("critic", runs["evaluate critic"], _evaluate, "evaluate_critic")

    def persona(made: Parser, say: Texts) -> None:
        _common(made, say)
        add = _commands(made, say, look, argv)
        add("new", runs["persona new"], _new, "persona_new")
        add("check", runs["persona check"], _persona_check, "persona_check")
        add("schema", runs["persona schema"])
        add("import", runs["persona import"], _import, "persona_import")
        add("export", runs["persona export"], _export, "persona_export")
        add("show", runs["persona show"], _persona_show, "persona_show")
        add("try", runs["persona try"], _persona_try, "persona_try")

    command("evaluate", None, evaluate)
    command("persona", None, persona)
    return top


def _chat(chat: Parser, say: Texts) -> None:
    arguments = chat.add_argument_group(say("help.arguments"))
    arguments.add_argument("persona", nargs="?", metavar="PERSONA", help=say("help.persona_argument"))
    options = _common(chat, say)
    options.add_argument("--offline", action="store_true", help=say("help.offline"))
    options.add_argument("--agent", metavar="NAME", help=say("help.agent"))
    options.add_argument("--turns", type=int, default=TURN_LIMIT, metavar="N", help=say("help.turns", limit=TURN_LIMIT))
    options.add_argument("--again", type=int, metavar="SESSION", help=say("help.again"))
    options.add_argument("--exam", action="store_true", help=say("help.exam"))
    options.add_argument("--plain", action="store_true", help=say("help.plain"))
    options.add_argument("--live", action="store_true", help=say("help.live"))
    options.add_argument("--pace", choices=PACES, help=say("help.pace"))
    options.add_argument("--json", action="store_true", help=say("help.json"))


def _personas(personas: Parser, say: Texts) -> None:
    arguments = personas.add_argument_group(say("help.arguments"))
    arguments.add_argument("folder", nargs="?", type=Path, metavar="FOLDER", help=say("help.personas_folder"))
    options = _common(personas, say)
    options.add_argument("--language", metavar="TAG", help=say("help.personas_language"))
    options.add_argument("--channel", action="append", default=[], metavar="NAME", help=say("help.personas_channel"))
    options.add_argument("--difficulty", metavar="N|N-M", help=say("help.personas_difficulty"))
    options.add_argument("--tag", action="append", default=[], metavar="TAG", help=say("help.personas_tag"))
    options.add_argument("--json", action="store_true", help=say("help.personas_json"))


def _new(new: Parser, say: Texts) -> None:
    options = _common(new, say)
    begin = options.add_mutually_exclusive_group()
    begin.add_argument("--from", dest="source", metavar="FILE", help=say("help.new_from"))
    begin.add_argument("--continue", dest="draft", type=Path, metavar="FILE", help=say("help.new_continue"))
    options.add_argument("-o", dest="output", type=Path, metavar="FILE", help=say("help.new_output"))
    options.add_argument("--language", metavar="TAG", help=say("help.new_language"))
    options.add_argument("--force", action="store_true", help=say("help.force"))
    options.add_argument("--yes", action="store_true", help=say("help.new_yes"))


def _critique(critique: Parser, say: Texts) -> None:
    arguments = critique.add_argument_group(say("help.arguments"))
    arguments.add_argument("call", nargs="?", metavar="TRANSCRIPT|SESSION", help=say("help.call_argument"))
    options = _common(critique, say)
    options.add_argument("--persona", metavar="PERSONA", help=say("help.critique_persona"))
    options.add_argument("--repeat", type=int, default=1, metavar="N", help=say("help.repeat"))
    form = options.add_mutually_exclusive_group()
    form.add_argument("--json", dest="form", action="store_const", const="json", help=say("help.critique_json"))
    form.add_argument("--markdown", dest="form", action="store_const", const="markdown", help=say("help.markdown"))
    critique.set_defaults(form="text")
    options.add_argument("--schema", action="store_true", help=say("help.critique_schema"))
    options.add_argument("--yes", action="store_true", help=say("help.sure"))
    options.add_argument("--offline", action="store_true", help=say("help.offline"))


def _overrule(overrule: Parser, say: Texts) -> None:
    arguments = overrule.add_argument_group(say("help.arguments"))
    arguments.add_argument("session", type=int, metavar="SESSION", help=say("help.session_argument"))
    arguments.add_argument("what", metavar="WHAT", help=say("help.what_argument"))
    arguments.add_argument("grade", metavar="LEVEL", help=say("help.grade_argument"))
    options = _common(overrule, say)
    options.add_argument("--because", required=True, metavar="REASON", help=say("help.because"))
    options.add_argument("--agent", metavar="NAME", help=say("help.trainer"))


def _report(report: Parser, say: Texts) -> None:
    arguments = report.add_argument_group(say("help.arguments"))
    arguments.add_argument("session", type=int, metavar="SESSION", help=say("help.session_argument"))
    options = _common(report, say)
    options.add_argument("-o", dest="output", required=True, metavar="FILE", help=say("help.output"))
    options.add_argument("--force", action="store_true", help=say("help.force"))
    report.set_defaults(offline=True)  # the record is read, and nobody is asked


def _history(history: Parser, say: Texts) -> None:
    options = _common(history, say)
    options.add_argument("--persona", metavar="ID", help=say("help.history_persona"))
    options.add_argument("--agent", metavar="NAME", help=say("help.history_agent"))
    options.add_argument("--json", action="store_true", help=say("help.history_json"))


def _delete(delete: Parser, say: Texts) -> None:
    arguments = delete.add_argument_group(say("help.arguments"))
    arguments.add_argument("sessions", type=int, nargs="+", metavar="SESSION", help=say("help.numbers_argument"))
    options = _common(delete, say)
    # It may stand before the command too, and then must not be lost here.
    options.add_argument("--agent", default=argparse.SUPPRESS, metavar="NAME", help=say("help.history_agent"))
    options.add_argument("--yes", action="store_true", help=say("help.delete_sure"))


def _show(show: Parser, say: Texts) -> None:
    arguments = show.add_argument_group(say("help.arguments"))
    arguments.add_argument("session", type=int, metavar="SESSION", help=say("help.session_argument"))
    options = _common(show, say)
    options.add_argument("--markdown", action="store_true", help=say("help.show_markdown"))
    which = options.add_mutually_exclusive_group()
    which.add_argument("--branch", type=int, metavar="N", help=say("help.show_branch"))
    which.add_argument("--compare", type=int, nargs="*", metavar="N", help=say("help.show_compare"))


def _progress(progress: Parser, say: Texts) -> None:
    progress.epilog = say("help.progress_rule")
    options = _common(progress, say)
    options.add_argument("--agent", metavar="NAME", help=say("help.history_agent"))
    options.add_argument("--offline", action="store_true", help=say("help.progress_offline"))
    options.add_argument("--json", action="store_true", help=say("help.progress_json"))


def _persona_check(check: Parser, say: Texts) -> None:
    check.epilog = say("help.check_exit")
    arguments = check.add_argument_group(say("help.arguments"))
    arguments.add_argument("files", nargs="*", metavar="FILE", help=say("help.check_files"))
    options = _common(check, say)
    what = options.add_mutually_exclusive_group()
    what.add_argument("--json", action="store_true", help=say("help.check_json"))
    what.add_argument("--explain", metavar="CODE", help=say("help.explain"))
    options.add_argument("--strict", action="store_true", help=say("help.strict"))


def _evaluate(critic: Parser, say: Texts) -> None:
    options = _common(critic, say)
    what = options.add_mutually_exclusive_group()
    what.add_argument("--adversarial", action="store_true", help=say("help.adversarial"))
    what.add_argument("--overruled", action="store_true", help=say("help.overruled"))
    options.add_argument("--set", type=Path, metavar="FOLDER", help=say("help.evaluate_set"))
    replies = options.add_mutually_exclusive_group()
    replies.add_argument("--run", dest="folder", type=Path, metavar="FOLDER", help=say("help.evaluate_run"))
    replies.add_argument("--replay", type=Path, metavar="FOLDER", help=say("help.replay"))
    options.add_argument("--only", default="*", metavar="PATTERN", help=say("help.only"))
    options.add_argument("--jobs", type=int, default=JOBS, metavar="N", help=say("help.jobs", jobs=JOBS))
    replies.add_argument("--offline", action="store_true", help=say("help.offline"))
    options.add_argument("--json", action="store_true", help=say("help.evaluate_json"))


def _import(take_in: Parser, say: Texts) -> None:
    arguments = take_in.add_argument_group(say("help.arguments"))
    arguments.add_argument("file", nargs="?", metavar="FILE.xlsx", help=say("help.sheet_argument"))
    options = _common(take_in, say)
    options.add_argument("-o", dest="output", metavar="FOLDER", help=say("help.sheet_folder"))
    options.add_argument("--force", action="store_true", help=say("help.sheet_force"))
    way = options.add_mutually_exclusive_group()
    way.add_argument("--dry-run", action="store_true", help=say("help.sheet_dry_run"))
    way.add_argument("--template", action="store_true", help=say("help.sheet_template"))


def _export(export: Parser, say: Texts) -> None:
    arguments = export.add_argument_group(say("help.arguments"))
    arguments.add_argument("personas", nargs="*", metavar="PERSONA", help=say("help.export_argument"))
    options = _common(export, say)
    options.add_argument("-o", dest="output", metavar="FILE.xlsx", help=say("help.export_output"))
    options.add_argument("--force", action="store_true", help=say("help.force"))


def _persona_show(show: Parser, say: Texts) -> None:
    arguments = show.add_argument_group(say("help.arguments"))
    arguments.add_argument("persona", metavar="PERSONA", help=say("help.customer_argument"))
    options = _common(show, say)
    what = options.add_mutually_exclusive_group()
    what.add_argument("--prompts", action="store_true", help=say("help.show_prompts"))
    what.add_argument("--flow", action="store_true", help=say("help.show_flow"))


def _persona_try(tried: Parser, say: Texts) -> None:
    tried.epilog = say("help.try_codes")
    arguments = tried.add_argument_group(say("help.arguments"))
    arguments.add_argument("persona", metavar="PERSONA", help=say("help.customer_argument"))
    options = _common(tried, say)
    options.add_argument("--times", type=int, default=TIMES, metavar="N", help=say("help.times", times=TIMES))
    options.add_argument(
        "--turns", type=int, default=TRIAL_TURNS, metavar="N", help=say("help.turns", limit=TRIAL_TURNS)
    )
    options.add_argument("--only", default="", metavar="AGENTS", help=say("help.only_agents"))
    options.add_argument("--jobs", type=int, default=JOBS, metavar="N", help=say("help.trial_jobs", jobs=JOBS))
    options.add_argument("--keep", type=Path, metavar="FOLDER", help=say("help.keep"))
    form = options.add_mutually_exclusive_group()
    form.add_argument("--json", dest="form", action="store_const", const="json", help=say("help.trial_json"))
    form.add_argument("--markdown", dest="form", action="store_const", const="markdown", help=say("help.show_markdown"))
    tried.set_defaults(form="text")
    options.add_argument("--yes", action="store_true", help=say("help.trial_sure"))
    options.add_argument("--offline", action="store_true", help=say("help.offline"))


def _commands(parser: Parser, say: Texts, look: Mapping[str, Any], argv: Sequence[str]) -> Callable[..., None]:
    """Commands below a parser, which prints its help when none is given; to be added one by one."""

    def print_help(*_: object) -> int:
        parser.print_help()
        return 0

    parser.set_defaults(run=print_help)
    commands = parser.add_subparsers(title=say("help.commands"), metavar="COMMAND", parser_class=Parser)

    def add(name: str, run: Run | None, fill: Callable[[Parser, Texts], object] | None = None, told: str = "") -> None:
        what = say(f"help.{told or name}")
        made = commands.add_parser(name, help=what, description=what, **look)
        if run:
            made.set_defaults(run=run)
        parser.commands = tuple(commands.choices)
        if name in argv:
            (fill or _common)(made, say)

    return add


def _common(parser: argparse.ArgumentParser, say: Texts) -> argparse._ArgumentGroup:
    """Options that may stand before or after the command's name."""
    group = parser.add_argument_group(say("help.options"))
    group.add_argument("-h", "--help", action="help", help=say("help.help"))
    group.add_argument("--lang", choices=texts.LANGUAGES, default=argparse.SUPPRESS, help=say("help.lang"))
    group.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help=say("help.debug"))
    return group


def language_wanted(argv: Sequence[str]) -> str | None:
    """The last value of ``--lang``, read before there is a parser: the parser's own texts need it."""
    wanted = None
    for i, arg in enumerate(argv):
        value = argv[i + 1] if arg == "--lang" and i + 1 < len(argv) else arg.removeprefix("--lang=")
        if arg.startswith("--lang") and value in texts.LANGUAGES:
            wanted = value
    return wanted
