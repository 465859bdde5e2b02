"""A task queue for agents: typed, ordered by priority, routed by assignee, nothing lost."""

from mendwire.tasks.calls import Context, Fail, Retry
from mendwire.tasks.outcomes import Ended
from mendwire.tasks.queue import Published, TaskQueue, connect
from mendwire.tasks.reading import Task
from mendwire.tasks.worker import TaskWorker

__all__ = [
    "Context",
    "Ended",
    "Fail",
    "Published",
    "Retry",
    "Task",
    "TaskQueue",
    "TaskWorker",
    "connect",
]
