from tests.courses.publishing.conftest import folder, push

__all__ = ["folder", "push"]
