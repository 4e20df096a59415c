"""Runs in the project's interpreter: the entry point as a script, but composing where it calls its main.

usage: python probe.py ENTRY < [["exp=001"], …] prints {"answers": [{"config": …} or {"error": …}, …]} as its last line

It needs nothing but hydra-core, and no other module of this package.
"""

import functools
import json
import os
import runpy
import sys
import warnings


def main() -> None:
    """Replace `hydra.main` by a decorator that composes, and run the script up to its call."""
    entry = os.path.abspath(sys.argv[1])
    requests = json.load(sys.stdin)
    warnings.simplefilter("ignore")

    import hydra

    def fake_main(config_path=None, config_name=None, *base, **more):  # type: ignore[no-untyped-def]
        def decorate(function):  # type: ignore[no-untyped-def]
            @functools.wraps(function)
            def answer(*_arguments, **_keywords):  # type: ignore[no-untyped-def]
                folder = os.path.normpath(os.path.join(os.path.dirname(entry), config_path or "."))
                given = {"version_base": base[0]} if base else {k: v for k, v in more.items() if k == "version_base"}
                answers = [_compose(folder, config_name, given, words) for words in requests]  # type: ignore[no-untyped-call]
                sys.stdout.flush()
                print("\n" + json.dumps({"answers": answers}, default=str))
                sys.stdout.flush()
                os._exit(0)  # nothing after the call of main is wanted

            return answer

        return decorate

    hydra.main = fake_main
    sys.argv = [entry]
    sys.path[0] = os.path.dirname(entry)
    runpy.run_path(entry, run_name="__main__")
    print("the script ends without calling the function that has @hydra.main", file=sys.stderr)
    sys.exit(1)


def _compose(folder, config_name, version_base, words):  # type: ignore[no-untyped-def]
    from hydra import compose, initialize_config_dir
    from omegaconf import OmegaConf

    try:
        job_name = os.path.splitext(os.path.basename(sys.argv[0]))[0]
        with initialize_config_dir(folder, job_name=job_name, **version_base):
            config = compose(config_name, words)
        return {"config": OmegaConf.to_container(config, resolve=False, enum_to_str=True)}
    except RecursionError:
        return {"error": "RecursionError: the defaults lists include each other in a circle"}
    except Exception as error:
        text = str(error).strip() or repr(error.__cause__)
        return {"error": text if "composing config" in text else f"{type(error).__name__}: {text}"}


if __name__ == "__main__":
    main()
