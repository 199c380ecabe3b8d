from tests.workers.conftest import _one_thread, base, models_dir, plain

__all__ = ["_one_thread", "base", "models_dir", "plain"]
