"""The command `simulator`: its commands, how the parts are wired, and the one place that catches our errors.

Nothing heavy is imported before it is needed: the card of a call is on screen before the model stack, the
record or the line editor are loaded (a test holds this).
"""

from __future__ import annotations

import argparse
import gc
import io
import os
import sys
import threading
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from simulator import arguments, settings, texts
from simulator.errors import SettingsError, SimulatorError, UsageError
from simulator.transcript import printable

if TYPE_CHECKING:
    from simulator.calls import Calls
    from simulator.settings import Settings
    from simulator.texts import Texts

    Run = Callable[[argparse.Namespace, Settings, Texts], int]


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code (see `simulator.errors` for what the codes mean)."""
    gc.disable()  # what start-up makes is no garbage: a collection there only costs time
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")  # looking for some reads every package's metadata
    argv = list(sys.argv[1:] if argv is None else argv)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # an old code page must not end a call
    wanted = arguments.language_wanted(argv)
    say = texts.Texts(texts.language(wanted, settings.locale()))
    try:
        set_to = settings.load()
        if set_to.lang and not wanted:
            say = texts.Texts(set_to.lang)
        args = arguments.parser(say, argv, RUNS).parse_args(argv)
        run: Run = args.run
        return run(args, set_to, say)
    except SimulatorError as error:
        return _failed(say.error(error), error.exit_code, argv)
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # whoever read us has gone
        return 141
    except Exception as error:  # noqa: BLE001 - the last resort: no traceback reaches a user
        return _failed([say("errors.unforeseen", why=f"{type(error).__name__}: {error}")], 1, argv)


def _failed(sentences: Sequence[str], exit_code: int, argv: Sequence[str]) -> int:
    if "--debug" in argv:
        traceback.print_exc()
    for sentence in sentences:
        print(printable(sentence), file=sys.stderr)
    return exit_code


# --- commands --------------------------------------------------------------------------------------------


def _chat(args: argparse.Namespace, set_to: Settings, say: Texts) -> int:
    at_terminal = sys.stdin.isatty() and sys.stdout.isatty() and not args.json
    if args.turns < 1:
        raise UsageError("turns_below_one", value=args.turns)
    if args.persona and args.again is not None:
        raise UsageError("not_together", one="PERSONA", other="--again")
    if not (args.persona or args.again is not None or at_terminal):
        raise UsageError("persona_needed")
    if args.live and not at_terminal:
        raise UsageError("live_needs_terminal")
    return (_chat_at_terminal if at_terminal else _chat_over_pipes)(args, set_to, say)


def _chat_at_terminal(args: argparse.Namespace, set_to: Settings, say: Texts) -> int:
    from simulator.persona import find, load
    from simulator.screen.card import screen, show_card

    plain = args.plain or set_to.plain
    console = screen(plain=plain)
    persona = load(find(args.persona)) if args.persona else None
    if persona:
        show_card(persona, say, console, plain=plain)  # before anything else is loaded: it is what they wait for
    from simulator.terminal import Terminal

    pace = "off" if plain else args.pace or set_to.pace
    terminal = Terminal(say, console, debug="debug" in args, plain=plain, pace=pace)
    calls = _calls(args, set_to)
    return terminal.run(persona, calls, None if args.again is None else calls.last(args.again))


def _chat_over_pipes(args: argparse.Namespace, set_to: Settings, say: Texts) -> int:
    from simulator import lines
    from simulator.persona import find, load

    persona = load(find(args.persona)) if args.persona else None
    calls = _calls(args, set_to)
    last = None if args.again is None else calls.last(args.again)
    caller = last.persona if last else persona
    if caller is None:
        raise UsageError("persona_needed")
    return lines.run(caller, calls, say, as_json=args.json, last=last)


def _personas(args: argparse.Namespace, _set_to: Settings, say: Texts) -> int:
    from simulator import listing

    difficulty = listing.span(args.difficulty) if args.difficulty else (1, 5)
    channels = [listing.channel(name) for name in args.channel]
    wanted = listing.Filter(args.language or "", channels, difficulty, args.tag)
    return listing.show(args.folder, wanted, say, as_json=args.json)


def _critique(args: argparse.Namespace, set_to: Settings, say: Texts) -> int:
    if args.schema:
        from simulator.debrief.document import schema_text

        print(schema_text())
        return 0
    if not args.call:
        raise UsageError("call_needed")
    if args.repeat < 1:
        raise UsageError("repeat_below_one", value=args.repeat)
    from simulator import review

    calls = _calls(args, set_to)
    if args.call.isdecimal() and not Path(args.call).exists():
        if args.persona:
            raise UsageError("persona_of_session", session=args.call)
        return review.record(int(args.call), calls, say, args.form, args.repeat)
    if not args.persona:
        raise UsageError("critique_persona_needed", file=args.call)
    from simulator.persona import find, load

    persona = load(find(args.persona))
    if calls.offline:
        print(say("critique.offline"), file=sys.stderr)
    return review.transcript(args.call, persona, calls, say, args.form, args.repeat, sure=args.yes)


def _overrule(args: argparse.Namespace, set_to: Settings, say: Texts) -> int:
    from simulator import review

    return review.overrule(args.session, args.what, args.grade, args.because, _calls(args, set_to), say)


def _report(args: argparse.Namespace, set_to: Settings, say: Texts) -> int:
    persona, events = _calls(args, set_to).opened(args.session)
    from simulator.debrief import web

    page = web.page(persona, events, say, args.session)
    if args.output == "-":
        if isinstance(sys.stdout, io.TextIOWrapper):
            sys.stdout.reconfigure(encoding="utf-8")  # as the page says of itself, whatever the locale
        print(page, end="")
    else:
        web.save(page, args.output, force=args.force)
        print(say("report.web.saved", number=args.session, file=args.output))
    return 0


def _history(args: argparse.Namespace, set_to: Settings, say: Texts) -> int:
    from simulator import history

    return history.history(_record(args, set_to), say, args.persona, as_json=args.json)


def _delete(args: argparse.Namespace, set_to: Settings, say: Texts) -> int:
    from simulator import history

    return history.delete(args.sessions, _record(args, set_to), say, sure=args.yes)


def _show(args: argparse.Namespace, set_to: Settings, say: Texts) -> int:
    from simulator import history

    calls = _record(args, set_to)
    if args.compare is not None:
        return history.compare(args.session, calls, say, args.compare, markdown=args.markdown)
    return history.show(args.session, calls, say, markdown=args.markdown, branch=args.branch)


def _progress(args: argparse.Namespace, set_to: Settings, say: Texts) -> int:
    from simulator import history

    return history.progress(_record(args, set_to), say, offline=args.offline, as_json=args.json)


def _evaluate(args: argparse.Namespace, set_to: Settings, say: Texts) -> int:
    if args.jobs < 1:
        raise UsageError("jobs_below_one", value=args.jobs)
    from simulator.evals import evaluation

    _set_to_work(args)
    form = "json" if args.json else "markdown"
    if args.overruled:
        return evaluation.overruled(_calls(args, set_to), form, say)
    options = evaluation.Options(
        folder=args.set or evaluation.FOLDER,
        run=args.replay or args.folder,
        replay=args.replay is not None,
        only=args.only,
        jobs=args.jobs,
        form=form,
    )
    endpoint = None if args.offline else set_to.critic
    if endpoint is None and not options.replay:
        print(say("critique.offline"), file=sys.stderr)
    return (evaluation.fool if args.adversarial else evaluation.measure)(options, endpoint, say)


def _doctor(_args: argparse.Namespace, set_to: Settings, say: Texts) -> int:
    import asyncio

    from simulator.doctor import examine

    if set_to.customer is None:
        raise SettingsError("no_endpoint")
    endpoints = {"endpoint": set_to.customer}
    if set_to.critic and set_to.critic != set_to.customer:
        endpoints = {"customer": set_to.customer, "critic": set_to.critic}

    async def look() -> int:
        answers = True
        for role, endpoint in endpoints.items():
            _tell("", say(f"doctor.{role}", url=settings.shown(endpoint.base_url), model=endpoint.model))
            async for check in examine(endpoint):
                mark = {True: "✓", False: "✗", None: "–"}[check.ok]
                _tell(f"  {mark} ", say("doctor." + check.key, **check.facts))
                error = check.facts.get("error")
                if error == "model_request":  # its sentence sends people here
                    _tell("    ", say("doctor.said", **check.facts))
                elif error:
                    _tell("    ", say.sentence(str(error), check.facts))
                answers &= check.name != "answers" or bool(check.ok)
        return 0 if answers else 7

    return asyncio.run(look())


def _tell(head: str, sentence: str) -> None:
    """One sentence in lines that fit the terminal and hang below the first."""
    import shutil

    from simulator.screen.page import wrap

    for line in wrap(printable(sentence), min(shutil.get_terminal_size().columns, 96) - len(head)):
        print(head + line, flush=True)
        head = " " * len(head)


def _new(args: argparse.Namespace, set_to: Settings, say: Texts) -> int:
    from simulator.workbench import draft

    _set_to_work(args)
    asked = draft.Asked(args.output, args.language, force=args.force)
    if args.source:
        return draft.from_text(args.source, set_to.critic, asked, say, sure=args.yes)
    return draft.go_on(args.draft, asked, say) if args.draft else draft.new(asked, say)


def _check(args: argparse.Namespace, _set_to: Settings, say: Texts) -> int:
    from simulator.workbench import check

    if args.explain:
        return check.explain(args.explain, say)
    return check.run(args.files, say, as_json=args.json, strict=args.strict)


def _schema(_args: argparse.Namespace, _set_to: Settings, _say: Texts) -> int:
    from simulator.workbench.fields import schema_text

    print(schema_text())
    return 0


def _import(args: argparse.Namespace, _set_to: Settings, say: Texts) -> int:
    if args.template == bool(args.file):
        raise UsageError("sheet_or_template")
    from simulator.workbench import sheet

    _set_to_work(args)
    if args.template:
        if not args.output:
            raise UsageError("sheet_output_needed")
        return sheet.template(args.output, say, force=args.force)
    return sheet.take_in(args.file, args.output or ".", say, force=args.force, dry_run=args.dry_run)


def _export(args: argparse.Namespace, _set_to: Settings, say: Texts) -> int:
    if not args.output:
        raise UsageError("sheet_output_needed")
    from simulator.workbench import sheet

    _set_to_work(args)
    return sheet.export(args.personas, args.output, say, force=args.force)


def _persona_show(args: argparse.Namespace, set_to: Settings, say: Texts) -> int:
    from simulator.persona import find, load
    from simulator.workbench import dossier

    persona = load(find(args.persona))
    if args.prompts:
        from simulator.workbench.rehearsal import requests

        note_as = set_to.customer.note_as if set_to.customer else "system"
        for line in dossier.as_text(requests(persona, note_as), say):
            print(line)
        return 0
    from simulator.screen.card import screen

    screen().print(dossier.flow(persona, say, arguments.TURN_LIMIT) if args.flow else dossier.page(persona, say))
    return 0


def _persona_try(args: argparse.Namespace, set_to: Settings, say: Texts) -> int:
    least = (("times_below_one", args.times), ("turns_below_one", args.turns), ("jobs_below_one", args.jobs))
    for key, value in least:
        if value < 1:
            raise UsageError(key, value=value)
    from simulator.persona import find, load
    from simulator.workbench import tryout

    options = tryout.Options(
        kinds=tryout.kinds(args.only),
        times=args.times,
        turns=args.turns,
        jobs=args.jobs,
        form=args.form,
        keep=args.keep,
        sure=args.yes,
    )
    return tryout.run(load(find(args.persona)), _calls(args, set_to), options, say)


# --- wiring ----------------------------------------------------------------------------------------------


def _calls(args: argparse.Namespace, set_to: Settings) -> Calls:
    """The calls of this run, with the model stack loading in the background where one is used."""
    from simulator.calls import Calls

    _set_to_work(args)
    offline = getattr(args, "offline", False) or set_to.customer is None or set_to.critic is None
    calls = Calls(
        customer=None if offline else set_to.customer,
        critic=None if offline else set_to.critic,
        store_url=set_to.store,
        agent=getattr(args, "agent", None) or set_to.agent,
        turn_limit=getattr(args, "turns", arguments.TURN_LIMIT),
        mode="exam" if getattr(args, "exam", False) else "practice",
        live=getattr(args, "live", False),
    )
    threading.Thread(target=calls.preload, daemon=True).start()
    return calls


def _record(args: argparse.Namespace, set_to: Settings) -> Calls:
    """The calls of the record, to look back at: nobody is asked anything, and no model is loaded."""
    from simulator.calls import Calls

    _set_to_work(args)
    agent = getattr(args, "agent", None) or set_to.agent
    return Calls(customer=None, critic=None, store_url=set_to.store, agent=agent, turn_limit=arguments.TURN_LIMIT)


def _set_to_work(args: argparse.Namespace) -> None:
    """Start-up is over: collect garbage again, and keep what libraries log and warn of off the screen."""
    import logging

    if "debug" not in args:
        logging.getLogger().addHandler(logging.NullHandler())
        logging.captureWarnings(capture=True)
    gc.enable()


RUNS: dict[str, Run] = {
    "chat": _chat,
    "personas": _personas,
    "critique": _critique,
    "overrule": _overrule,
    "history": _history,
    "history delete": _delete,
    "show": _show,
    "progress": _progress,
    "report": _report,
    "doctor": _doctor,
    "evaluate critic": _evaluate,
    "persona new": _new,
    "persona check": _check,
    "persona schema": _schema,
    "persona import": _import,
    "persona export": _export,
    "persona show": _persona_show,
    "persona try": _persona_try,
}
"""What each command does."""
