"""aiortc as a peer: what peer.js is for the engines of JavaScript, with the same words on standard input and output."""

import array
import asyncio
import fractions
import json
import math
import os
import sys
import traceback

from aiortc import MediaStreamTrack, RTCConfiguration, RTCIceServer, RTCPeerConnection, RTCSessionDescription
from aiortc.mediastreams import MediaStreamError
from aiortc.rtcconfiguration import RTCIceTransportPolicy
from aiortc.sdp import candidate_from_sdp
from av import AudioFrame

RATE = 48000
FRAME = 960
# What is listened to at a time, and at which rate a tone is looked for in it.
WINDOW = 0.2
COARSE = 8000


def tell(kind, **more):
    print(json.dumps({"tell": kind, **more}), flush=True)


class Tone(MediaStreamTrack):
    """A sine, a quarter of full scale."""

    kind = "audio"

    def __init__(self, hertz):
        super().__init__()
        self.hertz = hertz
        self.sample = 0
        self.began = None

    async def recv(self):
        loop = asyncio.get_running_loop()
        self.began = self.began or loop.time()
        await asyncio.sleep(max(0, self.began + self.sample / RATE - loop.time()))
        step = 2 * math.pi * self.hertz / RATE
        samples = (int(8192 * math.sin(step * (self.sample + at))) for at in range(FRAME))
        frame = AudioFrame(format="s16", layout="mono", samples=FRAME)
        frame.planes[0].update(array.array("h", samples).tobytes())
        frame.sample_rate = RATE
        frame.pts = self.sample
        frame.time_base = fractions.Fraction(1, RATE)
        self.sample += FRAME
        return frame


def strongest(samples):
    """The strongest tone of samples at the coarse rate, in hertz, on a grid of 5 Hz."""

    def power(hertz):
        step = 2 * math.pi * hertz / COARSE
        real = sum(sample * math.cos(step * at) for at, sample in enumerate(samples))
        imaginary = sum(sample * math.sin(step * at) for at, sample in enumerate(samples))
        return real * real + imaginary * imaginary

    # A tone is wide in a window this short.
    near = max(range(300, 1000, 10), key=power)
    return max((near - 5, near, near + 5), key=power)


async def listen(track):
    samples = []
    while True:
        try:
            frame = await asyncio.wait_for(track.recv(), 2 * WINDOW)
        except TimeoutError:
            tell("heard", hertz=None, dbov=-127)
            samples = []
            continue
        except MediaStreamError:
            return
        channels = len(frame.layout.channels)
        heard = array.array("h", bytes(frame.planes[0])[: 2 * channels * frame.samples])
        samples.extend(heard[:: channels * frame.sample_rate // COARSE])
        if len(samples) < WINDOW * COARSE:
            continue
        mean = sum(sample * sample for sample in samples) / len(samples) / 32768**2
        dbov = 10 * math.log10(mean) if mean > 0 else -127
        hertz = await asyncio.to_thread(strongest, samples) if dbov > -60 else None
        tell("heard", hertz=hertz, dbov=dbov)
        samples = []


class Peer:
    def __init__(self):
        self.connection = None

    def begin(self, hertz, relay):
        # No server: the default is one of the public internet.
        configuration = RTCConfiguration(iceServers=[])
        if relay:
            account = {"username": relay["username"], "credential": relay["credential"]}
            server = RTCIceServer(f"turn:{relay['host']}:{relay['port']}", **account)
            configuration = RTCConfiguration(iceServers=[server], iceTransportPolicy=RTCIceTransportPolicy.RELAY)
        connection = self.connection = RTCPeerConnection(configuration)
        connection.addTrack(Tone(hertz))
        connection.on("track", lambda track: asyncio.ensure_future(listen(track)))
        connection.on("connectionstatechange", lambda: tell("state", state=connection.connectionState))

    async def settled(self, description):
        await self.connection.setLocalDescription(description)
        sdp = self.connection.localDescription.sdp
        tell(description.type, sdp=sdp)
        for line in sdp.splitlines():
            if line.startswith("a=candidate:"):
                tell("candidate", candidate=line[2:])

    async def offer(self, hertz, relay):
        self.begin(hertz, relay)
        await self.settled(await self.connection.createOffer())

    async def answer(self, hertz, relay, sdp):
        self.begin(hertz, relay)
        await self.connection.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        await self.settled(await self.connection.createAnswer())

    async def accept(self, sdp):
        await self.connection.setRemoteDescription(RTCSessionDescription(sdp, "answer"))
        tell("accepted")

    async def candidate(self, mid, candidate):
        read = candidate_from_sdp(candidate.removeprefix("candidate:"))
        read.sdpMid = mid
        await self.connection.addIceCandidate(read)

    async def change(self, direction=None, data=False):
        if direction:
            self.connection.getTransceivers()[0].direction = direction
        if data:
            self.connection.createDataChannel("data")
        await self.settled(await self.connection.createOffer())

    async def again(self, sdp):
        await self.connection.setRemoteDescription(RTCSessionDescription(sdp, "offer"))
        await self.settled(await self.connection.createAnswer())

    async def direction(self):
        tell("direction", direction=self.connection.getTransceivers()[0].currentDirection)

    async def dtls(self):
        # OpenSSL calls it DTLSv1.2.
        name = self.connection.getSenders()[0].transport._ssl.get_protocol_version_name()
        tell("dtls", version=name.removeprefix("DTLSv"))

    async def path(self):
        # It has no statistics of its candidates.
        connection = self.connection.getSenders()[0].transport.transport._connection
        pair = connection._nominated.get(1)
        tell("path", local=pair and pair.local_candidate.type)

    async def close(self):
        await self.connection.close()


async def main():
    peer = Peer()
    reader = asyncio.StreamReader()
    loop = asyncio.get_running_loop()
    await loop.connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    commands = asyncio.Queue()

    async def read():
        while line := await reader.readline():
            await commands.put(json.loads(line))
        # A command that hangs holds no test up.
        loop.call_later(5, os._exit, 1)
        await commands.put(None)

    reading = asyncio.create_task(read())
    while command := await commands.get():
        await getattr(peer, command.pop("do"))(**command)
    await reading
    if peer.connection:
        await peer.connection.close()


try:
    asyncio.run(main())
except Exception:
    tell("fault", what=traceback.format_exc())
    sys.exit(1)
