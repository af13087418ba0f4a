# Everything is installed into .venv and stays there. Works with any make (macOS's GNU make 3.81 too) and any sh.
#
#   PYTHON=python3.13   the interpreter to make .venv with (else the first fitting one on the PATH); first: make clean
#   ARGS="…"            passed on to the command behind the target

PYTHON ?=
ARGS ?=

BIN = .venv/bin
PIP = $(BIN)/python -m pip --disable-pip-version-check --no-input
LOCK = uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --annotation-style line \
	--no-emit-index-url --no-emit-find-links --custom-compile-command "make lock"

help:
	@echo 'make chat         set up .venv and take a practice call        安装并开始一通练习电话'
	@echo 'make test         set up .venv, then lint, types and all tests 安装，然后检查代码、类型并运行全部测试'
	@echo 'make lint         linter and format check                      代码检查'
	@echo 'make types        type checker                                 类型检查'
	@echo 'make format       format and fix what can be fixed             整理格式'
	@echo 'make bench        measure the speed                            测速'
	@echo 'make figures      work the figures of the critic out anew      重新计算评审的数字'
	@echo 'make screens      make the screens in the docs anew            重新生成文档里的屏幕'
	@echo 'make pages        pictures of the HTML report, in Chromium     用 Chromium 给网页报告拍照'
	@echo 'make wheel-check  install the wheel elsewhere and try it       在别处安装 wheel 并试用'
	@echo 'make lock         pin the requirements anew (needs uv)         重新锁定依赖（需要 uv）'
	@echo 'make clean        remove .venv and all caches                  删除 .venv 和缓存'
	@echo
	@echo '  make chat ARGS="--lang zh"      make test ARGS="-k director"      make PYTHON=python3.13 chat'

chat: .venv/.run
	@$(BIN)/simulator chat $(ARGS)

test: lint types
	@$(BIN)/python -m pytest -n 2 --dist worksteal $(ARGS)

lint: .venv/.dev
	@$(BIN)/python -m ruff check
	@$(BIN)/python -m ruff format --check

types: .venv/.dev
	@$(BIN)/python -m mypy

format: .venv/.dev
	@$(BIN)/python -m ruff check --fix --exit-zero
	@$(BIN)/python -m ruff format

figures: .venv/.dev
	@$(BIN)/python -m bench.figures

bench: .venv/.dev
	@$(BIN)/python -m bench.latency $(ARGS)

# Takes a minute or two; needs no model and no network.
screens: .venv/.dev
	@$(BIN)/python -m bench.screens

# Needs Chromium, a Chinese font and pdftoppm, and says so.
pages: .venv/.dev
	@$(BIN)/python -m bench.pages $(ARGS)

# `make lock` keeps what is pinned as far as it can; `make lock ARGS=--upgrade` takes the newest of everything.
lock:
	@command -v uv >/dev/null 2>&1 || { \
		echo 'make lock needs uv; nothing else here does. / make lock 需要先安装 uv，其余命令都不需要。' >&2; exit 1; }
	$(LOCK) $(ARGS) pyproject.toml --group build -o requirements.txt
	$(LOCK) $(ARGS) pyproject.toml --group build --group dev -c requirements.txt -o requirements-dev.txt

# The wheel must carry its personas and prompts: it is installed and run where there is no checkout.
wheel-check: .venv/.run
	@set -eu; \
	there=$$(mktemp -d); trap 'rm -rf "$$there"' EXIT; \
	here=$$(pwd); \
	echo 'Building the wheel and installing it elsewhere …'; \
	$(BIN)/python -m hatchling build -t wheel -d "$$there" >/dev/null; \
	$(BIN)/python -m venv "$$there/venv"; \
	pip="$$there/venv/bin/python -m pip --disable-pip-version-check --no-input"; \
	$$pip install -qq --require-hashes --no-deps -r requirements.txt; \
	$$pip install -qq --no-index --no-deps "$$there"/*.whl; \
	$$pip check; \
	cd "$$there"; \
	venv/bin/simulator --version; \
	venv/bin/simulator personas | tee personas.txt; \
	for file in "$$here"/personas/*/*.yaml; do \
		id=$$(basename "$$file" .yaml); \
		grep -q -- "$$id" personas.txt || { echo "The installed wheel does not list $$id." >&2; exit 1; }; \
	done; \
	printf '%s\n' 'Hello.' '/end' | HOME="$$there" XDG_DATA_HOME="$$there" \
		venv/bin/simulator chat "$$id" --offline >call.txt || { cat call.txt >&2; exit 1; }; \
	HOME="$$there" XDG_DATA_HOME="$$there" venv/bin/simulator report 1 -o report.html; \
	grep -q '</html>' report.html || { echo 'The installed wheel writes no report.' >&2; exit 1; }; \
	echo 'wheel-check: the installed wheel lists every persona, takes a call and writes its report.'

clean:
	rm -rf .venv build dist .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Set-up. The stamps are renewed only when pyproject.toml or a requirement file changes.

.venv/.run: $(BIN)/python pyproject.toml requirements.txt
	@$(FIND_PYTHON)
	@requirements=requirements.txt; $(INSTALL)
	@touch .venv/.run

.venv/.dev: $(BIN)/python pyproject.toml requirements.txt requirements-dev.txt
	@$(FIND_PYTHON)
	@requirements=requirements-dev.txt; $(INSTALL)
	@touch .venv/.run .venv/.dev

$(BIN)/python:
	@$(FIND_PYTHON)

# Shows one short line for each package; the whole output is in .venv/install.log.
INSTALL = \
	echo 'Installing into .venv, about a minute; later starts skip this.'; \
	echo '正在安装到 .venv，大约一分钟；以后启动不再需要。'; \
	{ $(PIP) install --require-hashes --no-deps -r $$requirements && \
		$(PIP) install --no-deps --no-build-isolation --editable . && echo Installed.; } 2>&1 | \
		tee .venv/install.log | sed -n \
			-e 's/^Collecting \([^ ]*\).*/  \1/p' \
			-e 's/^Processing .*\/\([^-]*-[^-]*\)-.*/  \1/p' \
			-e 's/^Installing collected packages.*/  …/p'; \
	tail -n 1 .venv/install.log | grep -q '^Installed\.$$' || { \
		tail -n 20 .venv/install.log >&2; \
		echo 'The installation failed, see above; when that is put right, run the same command again.' >&2; \
		echo '安装没有成功，原因见上；排除之后再运行同一条命令即可。' >&2; exit 1; }

# An interpreter fits if it is 3.11 to 3.14 (for these every dependency comes ready built) and can make environments.
PROBE = import sys; v = sys.version_info[:2]; print("%s %d.%d" % (( \
	"old" if v < (3, 11) else \
	"bare" if not __import__("importlib.util").util.find_spec("ensurepip") else \
	"new" if v > (3, 14) else "fits",) + v))

# Makes .venv, unless there is one that works; when it can't, says in one sentence what is missing.
FIND_PYTHON = \
	$(BIN)/python -c 'import sys, pip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && exit 0; \
	if [ -n "$(PYTHON)" ]; then set -- "$(PYTHON)"; else set -- python3 python3.14 python3.13 python3.12 python3.11; fi; \
	best=; old=; bare=; \
	for python in "$$@"; do \
		found=$$("$$python" -c '$(PROBE)' 2>/dev/null) || continue; \
		case "$$found" in \
			fits*) best=$$python; break ;; \
			new*) best=$${best:-$$python} ;; \
			bare*) bare=$${bare:-$${found\#* }} ;; \
			old*) old=$${old:-$${found\#* }} ;; \
		esac; \
	done; \
	if [ -n "$$best" ]; then \
		exec "$$best" -m venv --clear .venv; \
	elif [ -n "$$bare" ]; then \
		echo "Python $$bare here has no venv module: install it first (Debian, Ubuntu: apt install python3-venv)." >&2; \
		echo "这里的 Python $$bare 缺少 venv 模块：请先安装（Debian、Ubuntu：apt install python3-venv）。" >&2; \
	elif [ -n "$$old" ]; then \
		echo "Python 3.11 or newer is needed, and this is $$old: install a newer one, or name it with make PYTHON=…" >&2; \
		echo "需要 Python 3.11 或更新的版本，而这里是 $$old：请安装新版本，或用 make PYTHON=… 指定。" >&2; \
	else \
		echo "There is no $$1 to be found: install Python 3.11 or newer first." >&2; \
		echo "找不到 $$1：请先安装 Python 3.11 或更新的版本。" >&2; \
	fi; \
	exit 1

.PHONY: help chat test lint types format figures bench screens pages lock wheel-check clean
