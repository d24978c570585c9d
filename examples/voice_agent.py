"""A LiveKit voice agent with a face.

    pip install "avatar-core[demo]"
    AVATAR_PROVIDER=mock python -m livekit.agents start examples/voice_agent.py --dev

It greets whoever joins a room, and says what is typed into the room's chat. That needs no key and
no model; for an agent that listens and thinks, give AgentSession your `stt`, `llm` and `tts`.
AVATAR_PROVIDER chooses the face, or `off`: the code stays as it is.
"""

from livekit.agents import Agent, AgentServer, AgentSession, JobContext
from livekit.agents.voice.room_io import RoomOptions, TextInputEvent, TextInputOptions

from avatar_core import AvatarSession, preload
from avatar_core.demo.local_tts import LocalTTS

server = AgentServer()
preload()  # imports the chosen provider here, on the main thread, before the first call


async def say_it(session: AgentSession[None], message: TextInputEvent) -> None:
    await session.interrupt()
    await session.say(message.text).wait_for_playout()


@server.rtc_session()
async def talk(ctx: JobContext) -> None:
    session = AgentSession[None](tts=LocalTTS(), vad=None, turn_handling={"turn_detection": None})

    avatar = AvatarSession()
    await avatar.start(session, room=ctx.room)

    await session.start(
        Agent(instructions="You are a friendly voice agent with a face."),
        room=ctx.room,
        room_options=RoomOptions(text_input=TextInputOptions(text_input_cb=say_it)),
    )
    greeting = "Hello! I am a voice agent with a face. Type something, and I will say it."
    await session.say(greeting).wait_for_playout()
