"""The Chinese twin of each message that an installer may read; the English text is the key."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

_DOCUMENTS = {
    "warning: ": "警告：",
    "{what} stands here, expected {expected}": "此处是{what}，应为{expected}",
    "{raw} is out of range, expected {expected} from {low} to {high}": (
        "{raw} 超出范围，应为 {low} 至 {high} 的{expected}"
    ),
    "unknown {what} {name}{hint}, expected one of {known}": "未知的{what} {name}{hint}，应为以下之一：{known}",
    " (did you mean {near}?)": "（是不是 {near}？）",
    "duplicate key {name}, it stands already on line {line}": "键 {name} 重复，第 {line} 行已有",
    "{name} is missing, {what} needs it": "缺少 {name}，{what}必须有它",
    "a colon and a space are missing after {head}": "{head} 之后缺少半角冒号和空格",
    "a control character stands in this text": "这段文字里有控制字符",
    "a number of more than {digits} digits stands here": "此处的数字超过 {digits} 位",
    "{what} as a mapping": "{what}（一组“键: 值”）",
    "one of {words}": "以下之一：{words}",
    "a mapping": "一组“键: 值”",
    "a list": "列表",
    "a single value": "单个值",
    "nothing": "空值",
    "text": "文字",
    "a key": "键",
    "key": "键",
    "value": "值",
    "this": "这里",
    "a number": "数字",
    "a whole number": "整数",
    "true or false": "true 或 false",
    "a duration": "时长",
    "a duration such as 5s, 10 min or 90 days": "时长，例如 5s、10 min 或 90 days",
}

_YAML = {
    "broken YAML: {problem}": "YAML 格式有误：{problem}",
    "the file is empty": "文件是空的",
    "the file is larger than {size} bytes": "文件超过 {size} 字节",
    "this is not UTF-8 text, save the file as UTF-8": "这不是 UTF-8 文字，请把文件另存为 UTF-8",
    "a control character stands here, take it out": "此处有控制字符，请删去",
    "this is nested too deeply, {depth} levels are the most": "嵌套太深，最多 {depth} 层",
    "an anchor (&) or alias (*) stands here, write the value out": "此处有锚点（&）或别名（*），请直接写出值",
    "a tag (!) stands here, write the value without it": "此处有标签（!），请去掉它只写值",
    "a tab stands here, indent with spaces": "此处有制表符，缩进请用空格",
    "this does not fit what stands above: mend the indentation, or close what is open": (
        "与上文接不上：请检查缩进，或补上未闭合的括号、引号"
    ),
    "a value is missing here, or what is open is not closed": "此处缺少值，或前面的括号没有闭合",
    "the list that begins on line {line} is not closed, expected ',' or ']'": (
        "第 {line} 行开始的列表没有闭合，应为半角 ',' 或 ']'"
    ),
    "the mapping that begins on line {line} is not closed, expected ',' or '}}'": (
        "第 {line} 行开始的花括号没有闭合，应为半角 ',' 或 '}}'"
    ),
    "a colon cannot stand here: mend the indentation, or put the text in quotes": (
        "此处不能有冒号：请检查缩进，或给文字加引号"
    ),
    "a key without a colon, expected ':' and a space after it": "键之后没有冒号，应为半角冒号加空格",
    "{char!r} cannot begin a value, put the value in quotes": "值不能以 {char!r} 开头，请加引号",
    "the quotes that open here are not closed": "此处的引号没有闭合",
    "a second document begins here, expected one in a file": "此处开始了第二个文档，一个文件只能有一个",
    "an unknown escape stands after \\ in double quotes, expected single quotes": (
        "双引号里 \\ 之后的转义无效，请改用单引号"
    ),
}

_FILES = {
    "{file} is valid: {receivers}, {zones}, {rules}": "{file} 有效：{receivers}、{zones}、{rules}",
    "1 receiver": "1 个接收器",
    "{count} receivers": "{count} 个接收器",
    "1 zone": "1 个区域",
    "{count} zones": "{count} 个区域",
    "1 rule": "1 条规则",
    "{count} rules": "{count} 条规则",
    "no such file, expected a configuration; one to start from is {example}": (
        "没有这个文件，应为配置文件；可从 {example} 开始"
    ),
    "no such file": "没有这个文件",
    "this is a folder, expected a file": "这是文件夹，应为文件",
    "no permission to read this file": "没有读取此文件的权限",
    "this file cannot be read: {reason}": "文件无法读取：{reason}",
    "this file is not there, expected it in {folder}": "没有这个文件，它应在 {folder} 里",
    "a path, absolute or from this file's folder": "路径（绝对路径，或相对于本文件所在文件夹）",
}

_SECTIONS = {
    "the configuration": "配置",
    "store": "store",
    "gateway": "gateway",
    "mqtt": "mqtt",
    "beacons": "beacons",
    "presence": "presence",
    "staff": "staff",
    "privacy": "privacy",
    "hear": "hear",
    "a receiver": "接收器",
    "a zone": "区域",
    "a group": "组",
    "a reference beacon": "参考信标",
    "a list of receivers": "接收器列表",
    "a list of zones": "区域列表",
    "a list of groups": "组列表",
    "a list of devices": "设备列表",
    "a list of rules": "规则列表",
    "a list of channels such as [1, 6, 11]": "信道列表，例如 [1, 6, 11]",
    "a list of attributes such as [balance]": "属性列表，例如 [balance]",
    "a list such as [{receiver: door, at_least: -70}]": "列表，例如 [{receiver: door, at_least: -70}]",
    "at least one receiver is needed": "至少要有一个接收器",
    "at least one zone is needed": "至少要有一个区域",
    "at least one group is needed": "至少要有一个组",
    "receiver": "接收器",
    "driver": "驱动",
    "kind": "种类",
    "role": "角色",
    "language": "语言",
    "rule": "规则",
}

_VALUES = {
    "an id of 1 to 64 letters, digits, - and _": "1 至 64 个字母、数字、- 或 _ 组成的编号",
    "duplicate id {id!r}, it stands already on line {line}": "编号 {id!r} 重复，第 {line} 行已有",
    "an attribute's name of letters, digits and _": "字母、数字和 _ 组成的属性名",
    "an adapter such as hci0, or its address": "蓝牙适配器，例如 hci0，或它的地址",
    "an interface such as wlan1": "网卡，例如 wlan1",
    "a Wi-Fi channel": "Wi-Fi 信道",
    "a Wi-Fi channel such as 1, 6, 11 or 36": "Wi-Fi 信道，例如 1、6、11 或 36",
    "an access point's address such as 02:11:22:33:44:aa": "接入点地址，例如 02:11:22:33:44:aa",
    "a list of access points' addresses such as [02:11:22:33:44:aa]": "接入点地址列表，例如 [02:11:22:33:44:aa]",
    "a channel stands here twice": "同一信道写了两次",
    "a network's name": "网络名称",
    "a network's name is 1 to 32 bytes long": "网络名称长度应为 1 至 32 字节",
    "16 hex digits, the first half of the chain's UUIDs": "16 位十六进制数，即本连锁 UUID 的前一半",
    "a UUID of 32 hex digits": "32 位十六进制数的 UUID",
    "hours such as 10:00-22:00": "时段，例如 10:00-22:00",
    "{raw!r} begins and ends at once, expected hours such as 10:00-22:00, or off": (
        "{raw!r} 的开始和结束相同，应为时段（例如 10:00-22:00）或 off"
    ),
    "a time zone such as Asia/Shanghai": "时区，例如 Asia/Shanghai",
    "unknown time zone {name}{hint}, expected a name such as Asia/Shanghai": (
        "未知的时区 {name}{hint}，应为 Asia/Shanghai 这样的名称"
    ),
    "this machine has no time zones, install the package tzdata": "本机没有时区数据，请安装软件包 tzdata",
    "degrees": "度数",
    "{one} stands here without {other}": "只有 {one} 没有 {other}，两者要么都写，要么都不写",
    "a level in dBm": "信号强度（dBm）",
    "an offset in dB": "修正值（dB）",
}

_BROKER = {
    "a broker's address such as mqtt://127.0.0.1": "消息服务器地址，例如 mqtt://127.0.0.1",
    "this is no broker's address, expected one such as mqtt://127.0.0.1 or mqtts://broker.example:8883": (
        "这不是消息服务器地址，应为 mqtt://127.0.0.1 或 mqtts://broker.example:8883 这样的地址"
    ),
    "unknown scheme {scheme}, expected one of {known}": "未知的协议 {scheme}，应为以下之一：{known}",
    "a user or password does not belong in the address, expected username and password_file beside it": (
        "用户名和密码不能写在地址里，请用 username 和 password_file"
    ),
    "host or port is wrong, expected an address such as mqtts://broker.example:8883": (
        "主机或端口有误，应为 mqtts://broker.example:8883 这样的地址"
    ),
    "the host is missing or wrong, expected an address such as mqtt://127.0.0.1": (
        "主机缺失或有误，应为 mqtt://127.0.0.1 这样的地址"
    ),
    "the port is wrong, expected 1 to 65535": "端口有误，应为 1 至 65535",
    "nothing may follow host and port here, expected an address such as mqtt://127.0.0.1": (
        "主机和端口之后不能再有内容，应为 mqtt://127.0.0.1 这样的地址"
    ),
    "a password does not belong in this file, expected password_file: the name of a file beside it": (
        "密码不能写在本文件里，请用 password_file 写出旁边的密码文件名"
    ),
    "ca_file has no use without mqtts": "没有 mqtts 时 ca_file 不起作用",
    "a password without username, brokers refuse that": "只有密码没有 username，消息服务器会拒绝",
    "the password will cross the network in the clear, mqtts would hide it": (
        "密码会在网络上明文传输，改用 mqtts 可以加密"
    ),
}

_SHOP = {
    "this version knows all-in-one only, and will act as that": "本版本只支持 all-in-one，将按它运行",
    "this version cannot hear {driver}, the receiver will be shown as failed": (
        "本版本还不能接收 {driver}，此接收器会显示为 failed"
    ),
    "dwell has no use without several channels": "只有一个信道时 dwell 不起作用",
    "this version keeps no journal": "本版本还不保存决策流水",
    "kind of scan": "扫描方式",
    "a passive scan is told of changes only: it gives no levels for zones, and nobody can tell whether it is deaf": (
        "被动扫描只能得知变化：没有可用来划分区域的信号强度，也无法判断它是否失灵"
    ),
    "receivers {first!r} and {second!r} share one radio, only one of them will hear": (
        "接收器 {first!r} 和 {second!r} 用的是同一块无线硬件，只有一个能收到"
    ),
    "no zone hears the receiver {id!r}, name it under `hear` or take it out": (
        "没有区域使用接收器 {id!r}，请在某个区域的 hear 里写上它，或删去它"
    ),
    "hostapd tells who is connected but no level, leave at_least out": (
        "hostapd 只知道谁连接着，不知道强弱，请去掉 at_least"
    ),
    "this radio never tells who is connected, name a level with at_least": (
        "这种接收器不知道谁连接着，请用 at_least 写明信号强度"
    ),
    "rule {rule!r} waits for a zone of kind {kind}, and this shop has none": (
        "规则 {rule!r} 等待 {kind} 类区域，而本店没有这类区域"
    ),
    "offset has no use without at_least": "没有 at_least 时 offset 不起作用",
    "{zone!r} hears {receiver!r} at this level already (line {line}), nothing tells the two apart": (
        "{zone!r} 已用同样的强度使用 {receiver!r}（第 {line} 行），两者无法区分"
    ),
    "{zone!r} is outside, yet needs a stronger level than a door on this receiver": (
        "{zone!r} 在门外，要求的信号却比同一接收器的门口区域还强"
    ),
    "a shipped rule's name, or a file such as ./our-rules.yaml": "内置规则名，或 ./our-rules.yaml 这样的文件",
    "no rule file {name}{hint}": "没有规则文件 {name}{hint}",
    "this rule stands already on line {line}": "这条规则第 {line} 行已有",
    "the shipped rules are not in {folder}, install Hushbell again ({missing})": (
        "{folder} 里没有内置规则，请重新安装 Hushbell（{missing}）"
    ),
}

_RULES = {
    "a rule": "规则",
    "on": "on",
    "alert": "提醒",
    "offer": "优惠",
    "group": "组",
    "zone": "区域",
    "kind of zone": "区域种类",
    "trigger": "触发条件",
    "trust": "可信度",
    "1 to 64 letters, digits, - and _": "1 至 64 个字母、数字、- 或 _",
    "rule {name} stands already at {file}:{line}": "规则 {name} 已在 {file}:{line} 处",
    "dwell stands here without its length, expected {example}": "dwell 没有写时长，应为 {example}",
    "{what} stands here, expected nothing after {kind}, as in {example}": (
        "此处是{what}，{kind} 之后应为空，例如 {example}"
    ),
    "a condition": "条件",
    "a condition such as member.passes_30d >= 4": "条件，例如 member.passes_30d >= 4",
    "alert and offer stand in one rule, expected one of them": "同一规则里 alert 和 offer 只能有一个",
    "the rule does nothing, expected alert or offer": "这条规则什么都不做，应有 alert 或 offer",
    "up to six of short and long, such as short-short-long": "最多六个 short 或 long，例如 short-short-long",
    "a text such as '{greeting} · {zone} {ago}'": "文字，例如 '{greeting} · {zone} {ago}'",
    "a text, or {zh: ..., en: ...}": "文字，或 {zh: ..., en: ...}",
    "a cap such as 1 per day, of {times} at most per {periods}": (
        "上限，例如 1 per day，最多 {times} 次，周期为 {periods}"
    ),
    "a placeholder stands here without quotes, expected {quoted}": "此处的占位符没有加引号，应为 {quoted}",
    "text without braces, or one placeholder such as '{facts.item}'": (
        "不带花括号的文字，或一个占位符，例如 '{facts.item}'"
    ),
    "the text is longer than {most} characters": "文字超过 {most} 个字符",
    "a single {brace} stands here, a placeholder is such as {example}": (
        "此处只有一个 {brace}，占位符应写成 {example} 这样"
    ),
    "unknown placeholder {name}{hint}, expected one of {known}": "未知的占位符 {name}{hint}，应为以下之一：{known}",
    "the condition is longer than {most} characters": "条件超过 {most} 个字符",
    "the condition cannot be read, it may be nested too deeply": "条件无法读取，可能嵌套太深",
    "the condition ends too early": "条件没有写完",
    "`{what}` gives {kind}, expected true or false": "`{what}` 的结果是 {kind}，应为真或假",
    "{operator} does not fit {kinds}": "{operator} 不能用于 {kinds}",
    "unknown name {name}, expected {known}": "未知的名称 {name}，应为 {known}",
    "unknown name {name} (did you mean {near}?)": "未知的名称 {name}（是不是 {near}？）",
    "unknown function {name}{hint}": "未知的函数 {name}{hint}",
    "unknown name {name}, an attribute of your own is written {own}": "未知的名称 {name}，自定义属性应写成 {own}",
    "a name such as {example}": "{example} 这样的名称",
}

_RULE_TESTS = {
    "a rule test file": "规则测试文件",
    "a test": "测试",
    "a step": "步骤",
    "a member": "会员",
    "member": "会员",
    "purpose": "用途",
    "outcome": "结果",
    "an action": "动作",
    "an id": "编号",
    "a name": "名称",
    "a word": "词",
    "a reason": "原因",
    "a rule's name": "规则名",
    "what is expected": "预期",
    "a list of words": "词的列表",
    "a list of tests": "测试列表",
    "a list of steps": "步骤列表",
    "a list of members": "会员列表",
    "a list of what is expected": "预期列表",
    "a rule file such as window-regular.yaml": "规则文件，例如 window-regular.yaml",
    "a time of the shop such as 2026-11-22 14:00": "店铺时间，例如 2026-11-22 14:00",
    "no rule file {name}": "没有规则文件 {name}",
    "duplicate id {name}": "编号 {name} 重复",
    "this step lies before the one above it": "这一步的时间早于上一步",
    "expected a member and one of {words}": "应有 member 和以下之一：{words}",
    "expected one of alert, offer and silent; a reason goes with silent only": (
        "应为 alert、offer、silent 之一；reason 只能和 silent 一起写"
    ),
}

_WATCH = {
    "card": "卡",
    "app": "应用",
    "phone": "手机",
    "guest Wi-Fi": "客用 Wi-Fi",
    "line": "行",
    "no": "无",
    "visit": "到店",
    "started": "开始",
    "moved": "移动",
    "ended": "结束",
    "sure to": "把握",
    "somewhere inside": "店内某处",
    "no zone": "无区域",
    "connected": "已连接",
    "condition": "条件不成立",
    "missing": "缺失",
    "cap": "已达上限",
    "quiet": "安静时段",
    "consent": "未同意",
    "choice": "会员自己的选择",
    "online": "在线",
    "degraded": "降级",
    "starting": "启动中",
    "hearing": "接收中",
    "off": "已关闭",
    "busy": "被占用",
    "denied": "没有权限",
    "failed": "故障",
    "deaf": "收不到信号",
}

_ENROL = {
    "Hold the card to the receiver {receiver} ...": "请把卡贴近接收器 {receiver} ……",
    "Found: {card}": "找到：{card}",
    "Does the member agree? [y/N] ": "会员同意吗？[y/N] ",
    "Enrolled as {member}": "已登记：{member}",
    "the member did not agree, nothing was enrolled": "会员没有同意，未登记",
    "the daemon ended before a card was found": "还没找到卡，守护进程就结束了",
    "no Bluetooth receiver is configured to hold a card to": "配置里没有可以贴卡的蓝牙接收器",
}

_DOCTOR = {
    "ok": "正常",
    "advice": "建议",
    "none": "无",
    "{missing} missing, {advice} to consider, {ok} well": "缺失 {missing} 项，建议 {advice} 项，正常 {ok} 项",
    "{file} is valid": "{file} 有效",
    "{file} is valid, with warnings: {count}": "{file} 有效，有 {count} 条警告",
    "{file}: faults in its rules: {count}": "{file}：规则里有 {count} 处错误",
    "this user may not ask bluetoothd: it is not in the group bluetooth": (
        "当前用户不在 bluetooth 组，无权询问 bluetoothd"
    ),
    "the D-Bus system bus is not running, and without it no Bluetooth": "D-Bus 系统总线没有运行，蓝牙无法使用",
    "bluetoothd does not answer": "bluetoothd 没有应答",
    "BlueZ is not installed, and without it no Bluetooth": "没有安装 BlueZ，蓝牙无法使用",
    "bluetoothd is not running": "bluetoothd 没有运行",
    "BlueZ {version} is older than any Hushbell was tried with": "BlueZ {version} 太旧，Hushbell 没有在上面试过",
    "BlueZ {version} runs; passive scanning would work too": "BlueZ {version} 正在运行，也可以被动扫描",
    "BlueZ {version} runs; passive scanning, which zones do not need, would need Experimental = true in "
    "/etc/bluetooth/main.conf": (
        "BlueZ {version} 正在运行；被动扫描需要在 /etc/bluetooth/main.conf 里写 Experimental = true，划分区域用不着它"
    ),
    "{receiver}: {adapter} is blocked": "{receiver}：{adapter} 被屏蔽",
    "{receiver}: {adapter} is switched off": "{receiver}：{adapter} 已关闭",
    "{receiver}: {adapter} is there and on": "{receiver}：{adapter} 已接入并开启",
    "{receiver}: there is no Bluetooth adapter {wanted}, this machine has {names}": (
        "{receiver}：没有蓝牙适配器 {wanted}，本机有 {names}"
    ),
    "{receiver}: the Pi's own Bluetooth is disabled in {file}": "{receiver}：树莓派自带的蓝牙在 {file} 里被禁用",
    "{receiver}: there is no Bluetooth adapter for Low Energy, plug one in": (
        "{receiver}：没有支持低功耗的蓝牙适配器，请插上一个"
    ),
    "can listen: {names}": "能监听：{names}",
    "cannot listen: {names}": "不能监听：{names}",
    "may be able to listen: {names}": "也许能监听：{names}",
    "no Wi-Fi interface here can listen; plug in a USB adapter with one of these drivers: {drivers}": (
        "本机没有能监听的 Wi-Fi 网卡，请插上使用以下驱动之一的 USB 网卡：{drivers}"
    ),
    "{receiver}: there is no Wi-Fi interface {interface}, this machine has {names}": (
        "{receiver}：没有 Wi-Fi 网卡 {interface}，本机有 {names}"
    ),
    "{receiver}: {interface} is in monitor mode and up": "{receiver}：{interface} 处于监听模式并已启用",
    "{receiver}: {interface} carries this machine's own network, take another": (
        "{receiver}：{interface} 是本机自己上网用的网卡，请换一块"
    ),
    "{receiver}: {interface} is down": "{receiver}：{interface} 没有启用",
    "{receiver}: {interface} cannot do monitor mode (driver {driver}), take another": (
        "{receiver}：{interface} 不支持监听模式（驱动 {driver}），请换一块"
    ),
    "{receiver}: {interface} shares its radio with this machine's own network, take another": (
        "{receiver}：{interface} 与本机自己上网用的网卡共用一个无线模块，请换一块"
    ),
    "{receiver}: {interface} is connected to a network or serves one, take another": (
        "{receiver}：{interface} 已连接网络或正在提供网络，请换一块"
    ),
    "{receiver}: whether {interface} can do monitor mode is not known, iw would tell": (
        "{receiver}：不清楚 {interface} 是否支持监听模式，装上 iw 就能知道"
    ),
    "{receiver}: Hushbell will make an interface in monitor mode beside {interface}": (
        "{receiver}：Hushbell 会在 {interface} 旁边建一个监听模式的网卡"
    ),
    "{receiver}: {user} may not make an interface in monitor mode (CAP_NET_ADMIN)": (
        "{receiver}：{user} 无权建监听模式的网卡（CAP_NET_ADMIN）"
    ),
    "the air is used by the rules of {country}": "无线电按 {country} 的规定使用",
    "no country is set for Wi-Fi, so some channels may be closed": "没有设置 Wi-Fi 国家，部分信道可能不能用",
    "for which country Wi-Fi is set cannot be told": "无法得知 Wi-Fi 设置的国家",
    "{receiver}: its radio is not blocked": "{receiver}：无线硬件没有被屏蔽",
    "{receiver}: its radio is blocked by software": "{receiver}：无线硬件被软件屏蔽",
    "{receiver}: its radio is off by a switch or key of the machine": "{receiver}：无线硬件被机器上的开关或按键关闭",
    "the service runs as {user}, and there is no such user": "服务以用户 {user} 运行，而没有这个用户",
    "{user} may capture Wi-Fi (CAP_NET_RAW)": "{user} 可以捕获 Wi-Fi（CAP_NET_RAW）",
    "{user} may not capture Wi-Fi (CAP_NET_RAW)": "{user} 无权捕获 Wi-Fi（CAP_NET_RAW）",
    "{user} may use Bluetooth": "{user} 可以使用蓝牙",
    "{user} is not in the group bluetooth, which some systems ask for": (
        "{user} 不在 bluetooth 组，有些系统要求在这个组里"
    ),
    "{receiver}: {user} may not change channels (CAP_NET_ADMIN), so {interface} stays on the one it is on": (
        "{receiver}：{user} 无权切换信道（CAP_NET_ADMIN），{interface} 停在当前信道"
    ),
    "{receiver}: hostapd answers on {control}": "{receiver}：hostapd 在 {control} 上有应答",
    "{receiver}: hostapd is not installed": "{receiver}：没有安装 hostapd",
    "{receiver}: there is no {control}; hostapd does not run, or its ctrl_interface is elsewhere": (
        "{receiver}：没有 {control}；hostapd 没有运行，或它的 ctrl_interface 在别处"
    ),
    "{receiver}: {control} is a folder, name the socket in it": ("{receiver}：{control} 是文件夹，请写出里面的套接字"),
    "{receiver}: nobody listens on {control}, hostapd has ended": "{receiver}：{control} 无人监听，hostapd 已经退出",
    "{receiver}: hostapd does not answer on {control}": "{receiver}：hostapd 在 {control} 上没有应答",
    "{receiver}: this user may not speak with hostapd on {control}": (
        "{receiver}：当前用户无权通过 {control} 与 hostapd 通信"
    ),
    "{receiver}: hostapd answers us on {control}, and would not answer {user}": (
        "{receiver}：hostapd 在 {control} 上应答我们，却不会应答 {user}"
    ),
    "the file that password_file names is not there, or not for this user to read": (
        "password_file 写的文件不存在，或当前用户无权读取"
    ),
    "no broker listens at {address}": "{address} 没有消息服务器在监听",
    "{address} does not answer": "{address} 没有应答",
    "nobody knows the name {host}": "无法解析名称 {host}",
    "the certificate of {address} is not trusted; ca_file names who vouches for it": (
        "{address} 的证书不受信任，请用 ca_file 写明签发者的证书"
    ),
    "{address} speaks no TLS, which mqtts needs": "{address} 不支持 TLS，而 mqtts 需要它",
    "the file that ca_file names is not there": "ca_file 写的文件不存在",
    "the broker at {address} refuses {user}: {reason}": "{address} 的消息服务器拒绝 {user}：{reason}",
    "what listens at {address} speaks no MQTT 5": "{address} 上的程序不支持 MQTT 5",
    "the broker at {address} is not reached: {reason}": "连不上 {address} 的消息服务器：{reason}",
    "the broker at {address} takes {user}": "{address} 的消息服务器接受 {user}",
    "the broker at {address} lets {user} in, and refuses what it says: {reason}": (
        "{address} 的消息服务器让 {user} 连接，却拒绝它发的消息：{reason}"
    ),
    "a client without a user name": "没有用户名的客户端",
    "user or password is wrong, or the user may not do this": "用户名或密码错误，或该用户无此权限",
    "user or password is wrong": "用户名或密码错误",
    "it speaks no MQTT 5": "它不支持 MQTT 5",
    "the clock is synchronised": "时钟已同步",
    "whether the clock is synchronised cannot be told": "无法得知时钟是否同步",
    "the clock is not synchronised: hours, counts of visits and trust depend on it": (
        "时钟没有同步：营业时间、来访次数和可信度都靠它"
    ),
    "the time zone {timezone} is known": "时区 {timezone} 可用",
    "only Python's own copy knows the time zone {timezone}, which the system's updates do not renew": (
        "只有 Python 自带的数据里有时区 {timezone}，系统更新不会更新它"
    ),
    "bluetoothd keeps what it hears of strangers in memory": "bluetoothd 听到的陌生人信息只留在内存",
    "bluetoothd writes names and addresses of strangers to the disk, below {folder}": (
        "bluetoothd 会把陌生人的设备名和地址写到磁盘，在 {folder} 下"
    ),
    "nothing in memory is swapped to a disk": "内存内容不会换出到磁盘",
    "memory, and with it strangers' addresses, is swapped to a disk: {devices}": (
        "内存（包括陌生人的地址）会换出到磁盘：{devices}"
    ),
    "at a crash of bluetoothd its memory would go to {handler}, whatever limits are set": (
        "bluetoothd 崩溃时，无论怎样限制，内存都会交给 {handler}"
    ),
    "a crash of the service would write its memory to a file": "服务崩溃时会把内存写进文件",
    "a crash would write memory to a file": "崩溃时会把内存写进文件",
    "a crash leaves no memory on a disk": "崩溃不会把内存留在磁盘上",
    "{folder} can be written, {free} MB are free": "{folder} 可写，剩余 {free} MB",
    "{folder} has only {free} MB left": "{folder} 只剩 {free} MB",
    "{user} may not write these in {folder}: {names}": "{user} 无权写 {folder} 里的这些文件：{names}",
    "{folder} is a file, where the state needs a folder": "{folder} 是文件，而状态需要一个文件夹",
    "{folder} lies on a disk that is mounted read-only": "{folder} 所在的磁盘以只读方式挂载",
    "{user} may not write {folder}": "{user} 无权写 {folder}",
    "{folder} is not there, and {user} may not make it": "没有 {folder}，{user} 也无权创建",
    "the file system on {device} met {errors} errors: replace the card": "{device} 的文件系统出错 {errors} 次，请换卡",
    "{device} has used up to {percent} % of its life: replace it soon": "{device} 的寿命最多已用 {percent} %，请更换",
    "{device} has used up to {percent} % of its life": "{device} 的寿命最多已用 {percent} %",
    "the SD card {device} holds the state and tells no wear; cards for dash cams, or an SSD, last longer": (
        "状态存在 SD 卡 {device} 上，它不报告磨损；行车记录仪用的卡或 SSD 更耐用"
    ),
    "the supply gives enough voltage": "供电电压正常",
    "the supply gives too little voltage now: radios fail, use the Pi's own supply and cable": (
        "现在供电电压不足，无线硬件会失灵，请用树莓派原装电源和线"
    ),
    "the supply gave too little voltage since the start: use the Pi's own supply and cable": (
        "开机以来供电电压曾不足，请用树莓派原装电源和线"
    ),
}

CHINESE: Mapping[str, str] = MappingProxyType(
    _DOCUMENTS
    | _YAML
    | _FILES
    | _SECTIONS
    | _VALUES
    | _BROKER
    | _SHOP
    | _RULES
    | _RULE_TESTS
    | _WATCH
    | _ENROL
    | _DOCTOR
)
