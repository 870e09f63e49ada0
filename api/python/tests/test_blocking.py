import shutil
from collections.abc import Callable
from pathlib import Path

import mayfly
import pytest


def test_runs_a_guest_from_start_to_end(host: mayfly.Host, guests: Path) -> None:
    result = host.run(mayfly.Spec(kernel=guests / "hello"))
    assert (result.exit.reason, result.exit.status) == (mayfly.ExitReason.STATUS, 0)
    assert result.exit.ok
    assert result.output == b"Hello from a Mayfly guest\n"


def test_tells_the_guests_own_status(host: mayfly.Host, guests: Path) -> None:
    spec = mayfly.Spec(kernel=guests / "exit_status", command_line="status=7")
    with host.launch(spec) as vm:
        end = vm.wait()
    assert (end.reason, end.status, end.ok) == (mayfly.ExitReason.STATUS, 7, False)


def test_lists_what_runs_by_label(host: mayfly.Host, guests: Path) -> None:
    spec = mayfly.Spec(kernel=guests / "echo", labels={"job": "42"}, memory=64 * mayfly.MIB)
    with host.launch(spec, name="one"), host.launch(mayfly.Spec(kernel=guests / "echo")):
        assert len(host.list()) == 2
        (found,) = host.list({"job": "42"})
        assert (found.name, found.memory, found.detached) == ("one", 64 * mayfly.MIB, False)
        assert found.state is mayfly.MachineState.RUNNING
        assert host.list({"job": "43"}) == []
    assert host.list() == []


def test_leaving_the_block_ends_the_vm(host: mayfly.Host, guests: Path) -> None:
    with pytest.raises(KeyError), host.launch(mayfly.Spec(kernel=guests / "echo")):
        raise KeyError
    assert host.list() == []


def test_a_machine_that_is_forgotten_ends(host: mayfly.Host, guests: Path) -> None:
    vm = host.launch(mayfly.Spec(kernel=guests / "echo"))
    del vm
    assert host.list() == []


def test_speaks_with_the_guest_by_its_console(host: mayfly.Host, guests: Path) -> None:
    with host.launch(mayfly.Spec(kernel=guests / "echo")) as vm:
        console = vm.console()
        console.write(b"one\n")
        said = b""
        while b"ONE" not in said:
            said += console.read(timeout=60)


def test_what_was_closed_says_so(socket: str, guests: Path) -> None:
    host = mayfly.Host(socket)
    vm = host.launch(mayfly.Spec(kernel=guests / "echo"))
    vm.close()
    with pytest.raises(mayfly.Error, match="was closed"):
        vm.wait()
    host.close()
    host.close()
    with pytest.raises(mayfly.Error, match="was closed"):
        host.list()


def test_waiting_can_be_given_up(host: mayfly.Host, guests: Path) -> None:
    with host.launch(mayfly.Spec(kernel=guests / "echo")) as vm:
        assert all(isinstance(lack, str) for lack in vm.jail_lacks())
        with pytest.raises(TimeoutError):
            vm.wait(timeout=0.05)
        vm.kill()
        assert vm.wait().reason is mayfly.ExitReason.KILLED


def test_pauses_and_resumes(host: mayfly.Host, guests: Path) -> None:
    with host.launch(mayfly.Spec(kernel=guests / "echo")) as vm:
        vm.pause()
        assert vm.stats().state is mayfly.MachineState.PAUSED
        vm.resume()
        assert vm.stats().state is mayfly.MachineState.RUNNING


def test_stops_by_the_power_button(host: mayfly.Host, guests: Path) -> None:
    with host.launch(mayfly.Spec(kernel=guests / "power_button")) as vm:
        console = vm.console()
        said = b""
        while b"ready" not in said:
            said += console.read(timeout=60)
        assert vm.stats().resident_bytes > 0
        assert vm.stop().status == 7
        assert vm.stop().status == 7
    with host.launch(mayfly.Spec(kernel=guests / "echo")) as vm:
        assert vm.stop(within=0.01).reason is mayfly.ExitReason.KILLED


def test_narrow_handles_can_do_less(host: mayfly.Host, guests: Path) -> None:
    with host.launch(mayfly.Spec(kernel=guests / "echo")) as vm:
        watcher = vm.narrow(["wait"])
        with pytest.raises(mayfly.Error) as caught:
            watcher.kill()
        assert caught.value.code == "PERMISSION_DENIED"
        vm.kill()
        assert watcher.wait().reason is mayfly.ExitReason.KILLED


def test_detached_vms_outlive_their_clients(socket: str, guests: Path) -> None:
    with mayfly.Host(socket) as first:
        first.launch(mayfly.Spec(kernel=guests / "echo"), name="stays", detached=True)
    with mayfly.Host(socket) as second:
        assert [machine.name for machine in second.list()] == ["stays"]
        with second.get("stays") as vm:
            vm.attach()
        assert second.list() == []


def test_a_vm_is_detached_and_attached_again(socket: str, guests: Path) -> None:
    with mayfly.Host(socket) as first:
        vm = first.launch(mayfly.Spec(kernel=guests / "echo"))
        with pytest.raises(mayfly.Error, match="name") as caught:
            vm.detach()
        assert caught.value.code == "INVALID_ARGUMENT"
        vm.detach("kept")
        vm.close()
        assert [machine.detached for machine in first.list()] == [True]
    with mayfly.Host(socket) as second:
        vm = second.get("kept")
        vm.attach()
        assert [machine.detached for machine in second.list()] == [False]
        vm.close()
        assert second.list() == []


def test_says_what_a_vm_is_and_was_launched_with(host: mayfly.Host, guests: Path) -> None:
    spec = mayfly.Spec(
        kernel=str(guests / "echo"),
        memory=64 * mayfly.MIB,
        nets=(mayfly.Net(filter=mayfly.Filter(("10.0.0.1/32",), ())),),
        labels={"job": "42"},
    )
    with host.launch(spec, name="one"):
        found = host.inspect("one")
        assert found.spec == spec
        assert (found.info.name, found.info.labels) == ("one", {"job": "42"})
        assert found.info.resident_bytes > 0 and found.info.cpu_nanoseconds > 0
        # What it answers can be launched.
        with host.launch(found.spec, name="two"):
            assert host.inspect("two").spec == spec
    with pytest.raises(mayfly.Error) as caught:
        host.inspect("one")
    assert caught.value.code == "NOT_FOUND"


def test_says_how_much_room_there_is(host: mayfly.Host, guests: Path) -> None:
    before = host.capacity()
    assert before.machines == 0 and before.host_cpus > 0 and before.open_files > 0
    with host.launch(mayfly.Spec(kernel=guests / "echo", memory=64 * mayfly.MIB)):
        now = host.capacity()
        assert (now.machines, now.cpus, now.memory_bytes) == (1, 1, 64 * mayfly.MIB)
        assert now.connections == 1
        assert now.host_memory_bytes > now.memory_bytes


def test_counts_what_has_happened(host: mayfly.Host, guests: Path, tmp_path: Path) -> None:
    host.run(mayfly.Spec(kernel=guests / "hello"))
    with pytest.raises(mayfly.Error):
        host.launch(mayfly.Spec(kernel=tmp_path / "missing"))
    with host.launch(mayfly.Spec(kernel=guests / "echo")) as vm:
        stats = host.stats()
        assert (stats.launches, stats.failures) == (2, 1)
        assert stats.exits[mayfly.ExitReason.STATUS] == 1
        assert (stats.running, stats.paused, stats.connections) == (1, 0, 1)
        assert stats.version and stats.uptime_nanoseconds > 0
        vm.pause()
        assert host.stats().paused == 1


def test_says_what_is_wrong_with_a_spec(host: mayfly.Host, tmp_path: Path) -> None:
    with pytest.raises(mayfly.Error) as caught:
        host.launch(mayfly.Spec(kernel=tmp_path / "missing"))
    assert caught.value.code == "INVALID_ARGUMENT"
    assert "kernel" in caught.value.message
    assert str(tmp_path / "missing") in caught.value.message


def test_says_what_to_do_without_a_service(tmp_path: Path) -> None:
    with pytest.raises(mayfly.Error, match="start mayflyd"):
        mayfly.Host(str(tmp_path / "nobody"))


def test_a_disk_with_an_overlay_and_a_card(
    host: mayfly.Host, guests: Path, tmp_path: Path
) -> None:
    image = tmp_path / "disk.img"
    image.write_bytes(bytes(mayfly.MIB))
    spec = mayfly.Spec(
        kernel=guests / "echo",
        disks=[mayfly.Disk(image, overlay=mayfly.Overlay(), serial="first")],
        nets=[mayfly.Net(mac="02:00:00:00:00:07", filter=mayfly.Filter(["10.0.0.1"], []))],
    )
    with host.launch(spec) as vm:
        stats = vm.stats()
        assert [disk.capacity for disk in stats.disks] == [mayfly.MIB]
        assert [net.mac for net in stats.nets] == ["02:00:00:00:00:07"]
        limit = mayfly.RateLimits(operations=mayfly.RateLimit(10))
        vm.update_disk(0, limit)
        vm.update_net(0, transmit=limit)
        with pytest.raises(mayfly.Error):
            vm.update_disk(1, limit)


def test_parameters_that_cannot_be_meant_are_refused(host: mayfly.Host, guests: Path) -> None:
    with host.launch(mayfly.Spec(kernel=guests / "echo")) as vm:
        with pytest.raises(ValueError, match="limits"):
            vm.update_disk(0, mayfly.RateLimits(bytes=mayfly.RateLimit(-1)))
        with pytest.raises(ValueError, match="net"):
            vm.update_net(-1)
        with pytest.raises(ValueError, match="permissions"):
            vm.narrow(["fly"])
    with pytest.raises(ValueError, match="cpus"):
        host.run(mayfly.Spec(kernel=guests / "echo", cpus=70000))


def test_a_disk_that_grows(host: mayfly.Host, guests: Path, tmp_path: Path) -> None:
    image = tmp_path / "disk.img"
    image.write_bytes(bytes(mayfly.MIB))
    with host.launch(mayfly.Spec(kernel=guests / "echo", disks=[mayfly.Disk(image)])) as vm:
        image.write_bytes(bytes(2 * mayfly.MIB))
        assert vm.resize_disk(0) == 2 * mayfly.MIB


def test_other_pages_and_entries(host: mayfly.Host, guests: Path) -> None:
    spec = mayfly.Spec(
        kernel=guests / "hello", boot=mayfly.Boot.PVH, pages=mayfly.Pages.TRANSPARENT
    )
    assert host.run(spec).exit.ok


def test_a_console_that_is_taken_over_says_so(host: mayfly.Host, guests: Path) -> None:
    with host.launch(mayfly.Spec(kernel=guests / "echo")) as vm:
        first = vm.console()
        second = vm.console()
        with pytest.raises(mayfly.Error, match="taken over"):
            first.read_all(timeout=60)
        second.write(b"one\n")
        said = b""
        while b"ONE" not in said:
            said += second.read(timeout=60)
        vm.kill()
        second.read_all(timeout=60)
        assert second.read(timeout=60) == b""


def test_a_lost_service_is_noticed(
    mortal: tuple[mayfly.Host, Callable[[], None]], guests: Path
) -> None:
    host, end = mortal
    vm = host.launch(mayfly.Spec(kernel=guests / "echo"))
    console, of_vm, of_host = vm.console(), vm.events(), host.events()
    end()
    with pytest.raises(mayfly.Error, match="connection") as caught:
        console.read_all(timeout=60)
    assert caught.value.code == "UNAVAILABLE"
    with pytest.raises(mayfly.Error, match="connection"):
        of_vm.next(timeout=60)
    with pytest.raises(mayfly.Error, match="connection"):
        while True:
            of_host.next(timeout=60)
    with pytest.raises(mayfly.Error) as lost:
        vm.wait(timeout=60)
    assert lost.value.code == "UNAVAILABLE"


def test_events_of_a_machine(host: mayfly.Host, guests: Path) -> None:
    with host.launch(mayfly.Spec(kernel=guests / "echo")) as vm:
        events = vm.events()
        vm.pause()
        assert events.next(timeout=60).kind == "paused"
        vm.resume()
        assert events.next(timeout=60).kind == "resumed"


def test_a_drained_host_launches_nothing(host: mayfly.Host, guests: Path) -> None:
    host.drain(timeout=60)
    with pytest.raises(mayfly.Error) as caught:
        host.launch(mayfly.Spec(kernel=guests / "echo"))
    assert caught.value.code == "UNAVAILABLE"


@pytest.mark.skipif(shutil.which("passt") is None, reason="runs where passt is installed (ci/deps)")
def test_a_network_of_the_users(host: mayfly.Host, guests: Path) -> None:
    spec = mayfly.Spec(
        kernel=guests / "dhcp",
        nets=[mayfly.Net(mayfly.User([mayfly.Forward(0xF00D, 80)]))],
        timeout=30,
    )
    result = host.run(spec)
    assert result.exit.ok, result
    assert b"offered " in result.output


def test_a_tap_is_the_hosts_to_open(host: mayfly.Host, guests: Path) -> None:
    for name in ("", "far-too-long-for-an-interface"):
        with pytest.raises(mayfly.Error) as caught:
            host.launch(mayfly.Spec(kernel=guests / "hello", nets=[mayfly.Net(mayfly.Tap(name))]))
        assert caught.value.code == "INVALID_ARGUMENT"
        assert "nets[0].backend.tapNamed" in caught.value.message


def test_events_that_nobody_reads_make_room_for_others(host: mayfly.Host, guests: Path) -> None:
    for _ in range(20):  # a connection has 16 listeners at once
        events = host.events()
        host.run(mayfly.Spec(kernel=guests / "hello"))
        assert events.next(timeout=60).kind in ("launched", "exited")
        del events


def test_events_of_the_host(host: mayfly.Host, guests: Path) -> None:
    events = host.events()
    host.run(mayfly.Spec(kernel=guests / "hello"))
    told: list[mayfly.Event] = []
    while {"launched", "exited"} - {event.kind for event in told}:
        told.append(events.next(timeout=60))
    for event in told:
        assert (event.exit is not None and event.exit.ok) == (event.kind == "exited")
