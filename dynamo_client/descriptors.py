"""``@verb`` and ``@listing``: make a method out of steps that blocks in ``Dynamo`` and is awaited in ``AsyncDynamo``."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from functools import update_wrapper
from typing import TYPE_CHECKING, Any, Concatenate, Generic, ParamSpec, TypeVar, cast, overload

from dynamo_client.effects import Rows, Steps

if TYPE_CHECKING:
    from dynamo_client.dynamo import AsyncDynamo, Dynamo

P = ParamSpec("P")
T = TypeVar("T")


class verb(Generic[P, T]):  # noqa: N801 - used like @property
    """A method of both clients that does its steps and gives what they return."""

    def __init__(self, steps: Callable[Concatenate[Any, P], Steps[T]]) -> None:
        self._steps = steps
        update_wrapper(cast(Any, self), steps)

    @overload
    def __get__(self, instance: None, owner: type) -> verb[P, T]: ...
    @overload
    def __get__(self, instance: Dynamo, owner: type) -> Callable[P, T]: ...
    @overload
    def __get__(self, instance: AsyncDynamo, owner: type) -> Callable[P, Coroutine[Any, Any, T]]: ...

    def __get__(self, instance: Any, owner: type) -> Any:
        return self if instance is None else _bound(self._steps, instance, instance.carry_out)


class listing(Generic[P, T]):  # noqa: N801 - used like @property
    """A method of both clients that gives rows one after the other: ``for`` in one, ``async for`` in the other."""

    def __init__(self, steps: Callable[Concatenate[Any, P], Rows[T]]) -> None:
        self._steps = steps
        update_wrapper(cast(Any, self), steps)

    @overload
    def __get__(self, instance: None, owner: type) -> listing[P, T]: ...
    @overload
    def __get__(self, instance: Dynamo, owner: type) -> Callable[P, Iterator[T]]: ...
    @overload
    def __get__(self, instance: AsyncDynamo, owner: type) -> Callable[P, AsyncIterator[T]]: ...

    def __get__(self, instance: Any, owner: type) -> Any:
        return self if instance is None else _bound(self._steps, instance, instance.iterate)


def _bound(steps: Callable[..., Any], instance: Any, run: Callable[[Any], Any]) -> Callable[..., Any]:
    def method(*arguments: Any, **named: Any) -> Any:
        return run(steps(instance, *arguments, **named))

    return update_wrapper(method, steps)
