from tests.workers.conftest import _one_thread, base, models_dir, plain, without

__all__ = ["_one_thread", "base", "models_dir", "plain", "without"]
